"""The use cases of a course (mark it, compare, apply, return), and the code that runs a cohort."""
