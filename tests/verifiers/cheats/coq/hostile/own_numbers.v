(* Proves the same text about other numbers. *)
Inductive nat := O | S (n : nat).
Inductive eq (x y : nat) : Prop := refl.
Notation "0" := O.
Notation "1" := (S O).
Notation "x = y" := (eq x y) : type_scope.
Theorem target : 0 = 1.
Proof.
  apply refl.
Qed.
