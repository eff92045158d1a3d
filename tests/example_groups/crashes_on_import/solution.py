"""Cannot be imported."""

FRAMEWORK = "numpy"

raise KeyError("a message for staff only")
