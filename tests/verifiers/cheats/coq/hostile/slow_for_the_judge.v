(* CLAIM true = true *)
(* Compiles at once; computing what it says is left to the judge. *)
Fixpoint power (n : nat) : nat :=
  match n with 0 => 1 | S m => power m + power m end.
Definition target : Nat.eqb (power 40) (power 40) = Nat.eqb (power 40) (power 40)
  := eq_refl.
