-- CLAIM ∀ n : Nat, n = n
set_option maxRecDepth 2000
set_option linter.unusedVariables false
@[simp, inline] def same (n : Nat) : Nat := n
@[simp] theorem same_same (n : Nat) : same n = n := rfl
theorem target : ∀ n : Nat, n = n := by
  intro n
  have h := same_same n
  exact rfl
