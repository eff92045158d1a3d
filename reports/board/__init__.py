"""The pack for a board of examiners: all marks of a module, and where each of them comes from."""
