(* Words of the judge's file, with another meaning. *)
Notation claim := True.
#[global] Notation "'goal'" := True.
Reserved Notation "'proof'".
Notation "'proof'" := I.
Module Exported.
  Notation "'claim'" := True.
End Exported.
Export Exported.
Ltac claim := idtac.
Theorem target : True.
Proof.
  exact proof.
Qed.
