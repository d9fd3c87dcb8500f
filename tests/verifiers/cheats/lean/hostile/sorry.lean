-- Leaves the proof out: only a warning.
theorem target : 0 = 1 := by
  sorry
