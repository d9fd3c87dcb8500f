-- Proves something weaker under the right name.
theorem target : 0 = 1 → 0 = 1 := id
