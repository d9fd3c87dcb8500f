(* Ends in the middle of a proof. *)
Theorem target : 0 = 1.
Proof.
