"""Engines do jobs, here or elsewhere; `engine.py` is what all of them promise."""

from __future__ import annotations

from collections.abc import Callable

from graders.runs.engines.engine import Engine
from graders.runs.engines.processes import Processes

ENGINES: dict[str, Callable[[], Engine]] = {"processes": Processes}
"""Every engine by its name. A new one keeps the contract of `Engine`, and is one line here."""
