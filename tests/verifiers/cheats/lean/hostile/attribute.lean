-- Registers code by an attribute, without any keyword.
@[command_elab foo] def easy := 1
theorem target : 0 = 1 := by decide
