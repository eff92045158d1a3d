"""Defines nothing that was asked for."""

FRAMEWORK = "numpy"
