-- CLAIM 'a' = 'a'
def quote := '"'
def escaped := '\''
def text := "-- axiom \" sorry /- "
def raw := r#"macro "x" "#
theorem target : 'a' = 'a' := rfl
