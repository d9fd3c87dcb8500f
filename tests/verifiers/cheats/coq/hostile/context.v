(* So is a context. *)
Context (easy : 0 = 1).
Theorem target : 0 = 1.
Proof.
  exact easy.
Qed.
