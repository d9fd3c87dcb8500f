(* The theorem was given up. *)
Theorem target : 0 = 1.
Proof.
Abort.
