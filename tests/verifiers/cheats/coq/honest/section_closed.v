(* CLAIM forall A (x : A), x = x *)
Section Reflexive.
  Variable A : Type.
  Hypothesis x : A.
  Theorem target : x = x.
  Proof. reflexivity. Qed.
End Reflexive.
