(* CLAIM forall b c : bool, andb b c = andb c b *)
Ltac cases := repeat match goal with x : bool |- _ => destruct x end.
Tactic Notation "finish" := reflexivity.
Notation "a & b" := (andb a b) (at level 40).
Theorem target : forall b c, b & c = c & b.
Proof. intros; cases; finish. Qed.
