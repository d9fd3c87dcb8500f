-- CLAIM ∀ (α : Type) (l : List α), l = l
section
variable {α : Type} (l : List α)
theorem itself : l = l := rfl
end
#check itself
theorem target : ∀ (α : Type) (l : List α), l = l := fun _ l => itself l
