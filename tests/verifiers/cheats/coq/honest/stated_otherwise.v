(* CLAIM forall n m : nat, n + m = m + n *)
(* Equal to the claim by computation, not by text. *)
From Coq Require Import Arith.
Definition commutes (f : nat -> nat -> nat) := forall n m, f n m = f m n.
Theorem target : commutes Nat.add.
Proof. exact Nat.add_comm. Qed.
