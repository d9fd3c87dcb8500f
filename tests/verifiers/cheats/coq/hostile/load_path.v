(* Looks for libraries elsewhere. *)
Add LoadPath "/tmp" as Other.
From Other Require Import Proofs.
