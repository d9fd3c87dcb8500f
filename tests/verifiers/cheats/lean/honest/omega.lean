-- CLAIM ∀ a b : Nat, a < b → a + 1 ≤ b
theorem target : ∀ a b : Nat, a < b → a + 1 ≤ b := by
  intro a b h
  omega
