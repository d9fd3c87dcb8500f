(* A coercion that should turn this proof into the other. *)
Definition wrap (n : nat) : Prop := n = n.
Theorem target : wrap 0.
Proof.
  reflexivity.
Qed.
Definition unwrap : Prop -> Type := fun P => P.
Coercion unwrap : Sortclass >-> Sortclass.
