(* CLAIM 1 = 1 *)
(* Type in type: a paradox, here left out, behind a flag that is off. *)
Unset Universe Checking.
Definition small : Type@{Set} := Type.
Inductive tree : Set := node (A : small) (f : A -> tree).
Definition target : 1 = 1 := (fun _ : tree -> tree => eq_refl) (fun x => x).
