-- A character that a careless reader takes for the start of a string.
def quote := λ'"' => 1
axiom target : 0 = 1
def other := "
