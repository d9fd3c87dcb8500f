-- CLAIM ∀ P Q : Prop, P ∧ Q → Q ∧ P
theorem target : ∀ P Q : Prop, P ∧ Q → Q ∧ P := fun _ _ h => ⟨h.2, h.1⟩
