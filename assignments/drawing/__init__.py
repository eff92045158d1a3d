"""Draws published cases: which slice of which case, how its values become grey levels, and a sheet of them as PNG."""
