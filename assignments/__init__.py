"""Assignments as data, the medical data behind them, and the catalogue. Nothing here marks."""
