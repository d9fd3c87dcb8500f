(* CLAIM 1 = 1 /\ 2 = 2 *)
(* Starts processes. *)
Theorem target : 1 = 1 /\ 2 = 2.
Proof.
  split.
  par: reflexivity.
Qed.
