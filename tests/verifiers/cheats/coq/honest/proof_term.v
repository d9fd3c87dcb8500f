(* CLAIM forall P Q R : Prop, (P -> Q) -> (Q -> R) -> P -> R *)
Definition target : forall P Q R : Prop, (P -> Q) -> (Q -> R) -> P -> R :=
  fun P Q R f g p => g (f p).
