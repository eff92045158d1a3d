"""Engines do jobs, on this machine or another; `engine.py` is the contract of all of them."""

from __future__ import annotations

from collections.abc import Callable

from graders.runs.engines.engine import Engine
from graders.runs.engines.processes import Processes

ENGINES: dict[str, Callable[[], Engine]] = {"processes": Processes}
"""Every engine by its name. A new one keeps the contract of `Engine` and adds a line here."""
