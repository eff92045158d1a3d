"""The only code of medmark that runs behind the wall: standard library and NumPy, no other part of the toolkit.

Nothing imports it: a sandbox mounts this folder and starts `start.py`.
"""
