-- Comments that do not nest as a careless reader thinks.
/- /- -/ theorem x : True := trivial -- -/
def quote := '"' /- " -/
axiom target : 0 = 1 -- "
