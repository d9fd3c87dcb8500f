(* CLAIM forall a b c : nat, a < b -> b < c -> a + 1 < c *)
From Coq Require Import Lia.
Theorem target : forall a b c : nat, a < b -> b < c -> a + 1 < c.
Proof. lia. Qed.
