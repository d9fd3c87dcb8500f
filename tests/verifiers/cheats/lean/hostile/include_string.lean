-- Reads a file of the host.
def text := include_str "/etc/passwd"
theorem target : 0 = 1 := by decide
