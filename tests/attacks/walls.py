"""The wall that attacks run against: Docker's, or the one that MEDMARK_ATTACKS_IN names.

The controls, where the guard is off, stay as they are: they show that an attack works, whatever it is tried against.
"""

from __future__ import annotations

import os

import pytest

from graders.wall.sandboxes import SANDBOXES
from graders.wall.sandboxes.sandbox import Sandbox

WALL = os.environ.get("MEDMARK_ATTACKS_IN", "docker")
behind_the_wall = pytest.mark.docker if WALL == "docker" else pytest.mark.rootless
"""Marks an attack that can be tried against each wall."""


def wall() -> Sandbox:
    """The sandbox that submissions run in."""
    return SANDBOXES[WALL]()
