-- Lets compiled code decide.
theorem target : 2 ^ 100 % 7 = 3 := by native_decide
