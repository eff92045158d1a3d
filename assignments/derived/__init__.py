"""What an assignment's folder need not hold: it follows from task, data, brief and reference."""
