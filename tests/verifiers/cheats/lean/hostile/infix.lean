-- The same by an operator.
infix:50 " = " => fun (_ _ : Nat) => True
theorem target : 0 = 1 := trivial
