(* Leaves the proof out. *)
Theorem target : 0 = 1.
Proof.
Admitted.
