-- CLAIM ∀ n : Nat, n * 0 + 0 = 0
/-- A doc comment: axiom, sorry, /- nested -/ and "quotes. -/
private theorem helper (n : Nat) : n * 0 = 0 := rfl
theorem target : ∀ n : Nat, n * 0 + 0 = 0 := by
  intro n
  rw [helper]
