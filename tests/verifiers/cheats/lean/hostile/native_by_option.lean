-- The same as an option of a harmless tactic.
theorem target : 2 ^ 100 % 7 = 3 := by decide +native
