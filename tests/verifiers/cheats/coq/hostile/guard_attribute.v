(* The same by an attribute of one command. *)
#[bypass_check(guard)]
Fixpoint loop (n : nat) : 0 = 1 := loop n.
Theorem target : 0 = 1.
Proof.
  exact (loop 0).
Qed.
