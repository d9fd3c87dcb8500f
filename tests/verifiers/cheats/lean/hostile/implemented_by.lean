-- Gives a function other code than the kernel knows.
def always (n : Nat) : Bool := n == n
@[implemented_by always] def never (n : Nat) : Bool := n != n
theorem target : never 0 = false := rfl
