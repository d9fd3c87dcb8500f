-- CLAIM ∃ n : Nat, n * n = 9
structure Pair where
  left : Nat
  right : Nat
deriving Repr
inductive Command where
  | load | store
def three : Pair := { left := 3, right := 3 }
theorem target : ∃ n : Nat, n * n = 9 := ⟨three.left, rfl⟩
