(* Hides commands from a careless reader: "*)" is not the end. *)
Definition text := 1. (* " *) Theorem x : True. (* " nothing *)
Axiom target : 0 = 1. (* "(*" *)
