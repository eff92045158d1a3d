"""Assignments of the catalogue, each loaded once a process: to load one reads all its tests, and nothing changes it."""

from functools import cache

from assignments.assignment import Assignment
from assignments.folders import CATALOGUE
from assignments.load import load


@cache
def of_catalogue(id: str) -> Assignment:
    return load(CATALOGUE / id)
