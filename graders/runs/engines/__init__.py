"""Engines run jobs in processes of their own, here or elsewhere."""
