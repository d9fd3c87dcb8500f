-- Ends in the middle of a proof.
theorem target : 0 = 1 := by
