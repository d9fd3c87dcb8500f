-- CLAIM ∀ P : Prop, P ∨ ¬P
open Classical in
theorem target : ∀ P : Prop, P ∨ ¬P := fun P => em P
