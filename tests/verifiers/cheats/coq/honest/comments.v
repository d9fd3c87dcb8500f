(* CLAIM True /\ True *)
(* Axiom (* nested: Admitted. "a string *) in it" *) Load "file". *)
Theorem target (* here *) : True /\ (* there *) True.
Proof. (* split. *) split; exact I. Qed. (* "the end" *)
