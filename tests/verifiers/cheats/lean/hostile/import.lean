-- Brings in code that can do all of it.
import Std.Internal
theorem target : 0 = 1 := by decide
