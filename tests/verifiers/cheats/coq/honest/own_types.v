(* CLAIM exists n : nat, n + n = 4 *)
Inductive instruction := Load | Drop | Quit.
Record pair := { left : nat; right : nat }.
Definition count (i : instruction) : nat :=
  match i with Load => 2 | Drop => 1 | Quit => 0 end.
Theorem target : exists n, n + n = 4.
Proof. exists (count Load). reflexivity. Qed.
