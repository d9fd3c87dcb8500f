(* CLAIM 2 + 2 = 4 *)
From Coq Require Import String.
Open Scope string_scope.
Definition words := "Axiom a : False. (* Admitted. ""quoted"" ".
Theorem target : 2 + 2 = 4.
Proof. idtac "Unset Guard Checking."; reflexivity. Qed.
