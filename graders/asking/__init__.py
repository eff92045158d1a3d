"""Questions to a solution: hidden tests, accuracy runs, what each may cost, and the journal of the questions."""
