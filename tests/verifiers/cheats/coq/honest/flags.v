(* CLAIM forall A (l : list A), l = l *)
Set Implicit Arguments.
Unset Strict Implicit.
Set Warnings "-all".
Definition identity A (x : A) := x.
Theorem target : forall A (l : list A), identity l = l.
Proof. reflexivity. Qed.
