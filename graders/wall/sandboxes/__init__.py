"""Sandboxes that run a solution: the contract, Docker for other people's code, a local process for your own."""

from __future__ import annotations

from collections.abc import Callable

from graders.wall.sandboxes.docker import Docker
from graders.wall.sandboxes.local import Local
from graders.wall.sandboxes.sandbox import Sandbox

SANDBOXES: dict[str, Callable[[], Sandbox]] = {"docker": Docker, "local": Local}
"""Every sandbox, by the name that `course.toml` uses."""
