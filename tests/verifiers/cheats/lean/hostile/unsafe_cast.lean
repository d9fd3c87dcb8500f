-- Casts a proof.
unsafe def easy : 0 = 1 := unsafeCast trivial
