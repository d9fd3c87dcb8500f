-- Code inside a tactic block.
theorem target : 0 = 1 := by
  run_tac Lean.Elab.Tactic.admitGoal (← Lean.Elab.Tactic.getMainGoal)
