-- CLAIM ∀ a b c : Nat, a = b → b = c → a + 0 = c
theorem target : ∀ a b c : Nat, a = b → b = c → a + 0 = c := by
  intro a b c h k
  calc a + 0 = a := rfl
    _ = b := h
    _ = c := k
