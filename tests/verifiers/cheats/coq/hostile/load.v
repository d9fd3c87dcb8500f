(* Reads a file of the host as source. *)
Load "/etc/passwd".
Theorem target : 0 = 1.
Proof.
Admitted.
