-- CLAIM ∀ P Q : Prop, P ∨ Q → Q ∨ P
theorem target : ∀ P Q : Prop, P ∨ Q → Q ∨ P := by
  intro P Q h
  cases h with
  | inl p => exact Or.inr p
  | inr q => exact Or.inl q
