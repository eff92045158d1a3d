"""Ends the process with status 0 in the middle of a question, and raises SystemExit in another."""

import os


def dice(a, b):
    os._exit(0)


def fast_sum(n):
    raise SystemExit(0)
