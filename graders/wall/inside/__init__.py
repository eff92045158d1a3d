"""The code of medmark that runs behind the wall: standard library and NumPy, no other part of the toolkit.

No module of the toolkit imports it: a sandbox mounts this folder and starts `start.py`.
"""
