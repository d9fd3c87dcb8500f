-- Hides code in a string.
def text := s!"{(sorry : Nat)}"
theorem target : 0 = 1 := by decide
