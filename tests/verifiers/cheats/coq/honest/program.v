(* CLAIM exists n : nat, n + n = 6 *)
From Coq Require Import Program Lia.
Program Definition bounded (n : nat) : { m : nat | m <= n + 1 } := n.
Next Obligation.
  lia.
Qed.
Theorem target : exists n : nat, n + n = 6.
Proof.
  exists (proj1_sig (bounded 3)).
  reflexivity.
Qed.
