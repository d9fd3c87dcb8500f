(* CLAIM 1 = 1 *)
(* Starts a compiler. *)
Theorem target : 1 = 1.
Proof.
  native_compute.
  reflexivity.
Qed.
