(* CLAIM forall n, n = 0 \/ exists m, n = S m *)
Theorem target : forall n, n = 0 \/ exists m, n = S m.
Proof.
  intros [| m].
  { left. reflexivity. }
  { right.
    exists m.
    1: reflexivity. }
Qed.
