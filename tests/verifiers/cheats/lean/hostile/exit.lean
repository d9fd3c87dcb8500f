-- Ends the file early, in the middle of nothing.
theorem target : 0 = 1 := by decide
#exit
