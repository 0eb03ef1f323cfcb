"""The estate: what is declared in files, what is observed, and the plan between the two."""
