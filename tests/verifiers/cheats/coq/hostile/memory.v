(* Fills the memory. *)
Fixpoint power (n : nat) : nat :=
  match n with 0 => 1 | S m => power m + power m end.
Theorem target : power 40 = power 40 + 0.
Proof.
  vm_compute.
  reflexivity.
Qed.
