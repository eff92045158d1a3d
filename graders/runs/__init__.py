"""What a person or a program does with a course: mark it, compare, apply, return; and the machinery that runs it."""
