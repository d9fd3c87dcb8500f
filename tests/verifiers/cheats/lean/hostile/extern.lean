-- Calls C.
@[extern "getenv"] def look (n : Nat) : Nat := n
theorem target : look 0 = 0 := rfl
