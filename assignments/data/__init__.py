"""Draws an assignment's cases from its source and a secret. `sources` holds the generators."""
