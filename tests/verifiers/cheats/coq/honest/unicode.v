(* CLAIM forall P Q : Prop, P \/ Q -> Q \/ P *)
From Coq Require Import Utf8.
Theorem target : ∀ α β : Prop, α ∨ β → β ∨ α.
Proof. intros α β [a | b]; [right | left]; assumption. Qed.
