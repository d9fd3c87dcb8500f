(* CLAIM forall a b, a * b = b * a *)
Lemma times_zero n : n * 0 = 0.
Proof. induction n as [| n IH]; [reflexivity | exact IH]. Qed.
Lemma times_successor n m : n * S m = n + n * m.
Proof.
  induction n as [| n IH].
  - reflexivity.
  - simpl. rewrite IH. f_equal.
    assert (swap : forall a b c, a + (b + c) = b + (a + c)).
    { intros a b c. induction a as [| a IHa]; simpl.
      - reflexivity.
      - rewrite IHa. now rewrite plus_n_Sm. }
    apply swap.
Qed.
Theorem target : forall a b, a * b = b * a.
Proof.
  intros a b. induction b as [| b IH].
  - apply times_zero.
  - rewrite times_successor, IH. reflexivity.
Qed.
