(* CLAIM forall P Q : Prop, P /\ Q -> Q /\ P *)
Theorem target : forall P Q : Prop, P /\ Q -> Q /\ P.
Proof.
  intros P Q [p q]; split; assumption.
Qed.
