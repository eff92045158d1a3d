"""Sandboxes that run a solution: with a daemon or without for other people's code, a local process for your own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from graders.wall.sandboxes.local import Local
from graders.wall.sandboxes.sandbox import Sandbox


def _docker() -> Sandbox:
    from graders.wall.sandboxes.docker import Docker  # imported here: students do without Docker's SDK

    return Docker()


def _rootless(program: str) -> Sandbox:
    from graders.wall.sandboxes.rootless import PROGRAMS, Rootless  # imported here: Windows lacks what they need

    return Rootless(PROGRAMS[program])


SANDBOXES: dict[str, Callable[[], Sandbox]] = {
    "docker": _docker,
    "bubblewrap": partial(_rootless, "bubblewrap"),
    "podman": partial(_rootless, "podman"),
    "apptainer": partial(_rootless, "apptainer"),
    "local": Local,
}
"""Every sandbox, by the name that `course.toml` uses."""
