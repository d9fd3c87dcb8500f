-- CLAIM ∀ n : Nat, 0 + n = n
theorem target : ∀ n : Nat, 0 + n = n := by
  intro n
  induction n with
  | zero => rfl
  | succ n ih => rw [← Nat.add_assoc, ih]
