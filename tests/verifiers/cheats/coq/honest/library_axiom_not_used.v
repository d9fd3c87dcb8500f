(* CLAIM forall P : Prop, P -> ~ ~ P *)
From Coq Require Import Classical.
Theorem target : forall P : Prop, P -> ~ ~ P.
Proof. intros P p n. exact (n p). Qed.
