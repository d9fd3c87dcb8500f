(* Names the axiom as the theorem. *)
Parameter target : 0 = 1.
