-- Assumes what was to be proved.
axiom easy : 0 = 1
theorem target : 0 = 1 := easy
