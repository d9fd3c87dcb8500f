-- The judge's theorem, already there.
theorem judge_check : True := trivial
theorem target : True := trivial
