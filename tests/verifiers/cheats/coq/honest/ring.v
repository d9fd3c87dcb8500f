(* CLAIM forall a b : nat, (a + b) * (a + b) = a * a + 2 * a * b + b * b *)
Require Import Coq.Arith.Arith.
Theorem target : forall a b : nat,
  (a + b) * (a + b) = a * a + 2 * a * b + b * b.
Proof. intros; ring. Qed.
