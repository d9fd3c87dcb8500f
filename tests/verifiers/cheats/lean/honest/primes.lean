-- CLAIM ∀ x' x'' : Nat, x' = x'' → x'' = x'
theorem target : ∀ x' x'' : Nat, x' = x'' → x'' = x' := by
  intro x' x'' h'
  exact h'.symm
