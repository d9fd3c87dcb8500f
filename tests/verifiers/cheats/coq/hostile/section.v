(* Proves it from a hypothesis of its own. *)
Section Cheat.
  Hypothesis easy : 0 = 1.
  Theorem target : 0 = 1.
  Proof.
    exact easy.
  Qed.
End Cheat.
