(* Proves something weaker under the right name. *)
Theorem target : 0 = 1 -> 0 = 1.
Proof.
  intros H.
  exact H.
Qed.
