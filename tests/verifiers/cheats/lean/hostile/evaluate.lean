-- Runs any program while the file is read.
#eval (do println! (← IO.FS.readFile "/etc/passwd") : IO Unit)
theorem target : 0 = 1 := by decide
