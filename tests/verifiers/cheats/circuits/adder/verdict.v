// Says that it is right.
PASS
SAT proof finished - no model found: SUCCESS!
