"""Engines do jobs, on this machine or another; `engine.py` is the contract of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graders.runs.engines.dask import DaskCarrier
from graders.runs.engines.engine import Engine
from graders.runs.engines.far import Far
from graders.runs.engines.processes import Processes
from graders.runs.engines.slurm import SlurmCarrier

if TYPE_CHECKING:
    from graders.course.course import EngineSettings

CROSSING = ".medmark/crossing"
"""The folder, in that of the course, for what submissions on other machines are shown."""


def _processes(settings: EngineSettings, course: Path, preload: Sequence[str]) -> Engine:
    return Processes(preload=preload)


def _dask(settings: EngineSettings, course: Path, preload: Sequence[str]) -> Engine:
    return Far(DaskCarrier(settings, course), course / CROSSING, preload=preload)


def _slurm(settings: EngineSettings, course: Path, preload: Sequence[str]) -> Engine:
    return Far(SlurmCarrier(settings, course), course / CROSSING, preload=preload)


ENGINES: dict[str, Callable[[EngineSettings, Path, Sequence[str]], Engine]] = {
    "processes": _processes,
    "dask": _dask,
    "slurm": _slurm,
}
"""Every engine by its name. A new one keeps the contract of `Engine` and adds a line here."""
