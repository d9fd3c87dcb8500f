(* Prints without end. *)
Theorem target : 0 = 1.
Proof.
  repeat (idtac "more"; idtac "and more"; assert (0 = 0) by reflexivity).
Qed.
