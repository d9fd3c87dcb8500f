(* CLAIM 1 = 1 *)
(* A flag that changes the theory; the replay does not name it. *)
Set Definitional UIP.
Inductive same {A} (a : A) : A -> SProp := here : same a a.
Arguments here {_ _}.
Definition cast {A B : Set} (e : same (A := Set) A B) (a : A) : B :=
  match e in same _ X return X with here => a end.
Theorem target : 1 = 1.
Proof.
  exact (cast (here (A := Set)) eq_refl).
Qed.
