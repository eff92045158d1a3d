"""The sources of the assignments' cases, by name. They draw from random generators and never see a secret.

A source draws training and test cases as arrays with a leading N. Three keys are reserved: `subject` (N,) int,
`spacing` (N, 3) float in mm, in the order (D, H, W), and `group` (N,) str. Every other key is an input or the truth.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from assignments.assignment import Assignment, Data
from assignments.data.sources import breast_cancer, promise12, prostate_mr
from assignments.errors import UserError, nearest

Arrays = dict[str, np.ndarray]
Draw = Callable[[Data, Generator, Generator], tuple[Arrays, Arrays]]
"""(data, train_rng, test_rng) -> (training cases, test cases)."""

SOURCES: dict[str, Draw] = {
    "breast_cancer": breast_cancer.draw,
    "prostate_mr": prostate_mr.draw,
    "promise12": promise12.draw,
}


def draw_of(assignment: Assignment) -> Draw:
    """The source that `data.source` names: one of `SOURCES`, or `"file.py:function"` in the assignment's folder."""
    source = assignment.data.source
    if source in SOURCES:
        return SOURCES[source]
    if ":" in source:
        return _drawn_twice(_function(assignment.folder, source))
    raise UserError(
        f'{assignment.folder / "assignment.toml"} [data]: there is no source "{source}" '
        f'(your own is "file.py:function"); {nearest(source, SOURCES)}'
    )


def _drawn_twice(generate: Callable[[int, Generator], Arrays]) -> Draw:
    """A source from an instructor's generator `(n, rng) -> dict`, called for training cases and then for test cases."""

    def draw(data: Data, train_rng: Generator, test_rng: Generator) -> tuple[Arrays, Arrays]:
        return generate(data.train, train_rng), generate(data.test, test_rng)

    return draw


def _function(folder: Path, source: str) -> Callable[[int, Generator], Arrays]:
    """The function that `"file.py:function"` names. The file is the instructor's, and so trusted."""
    name, _, function = source.partition(":")
    path = folder / name
    if not path.is_file():
        raise UserError(f'{folder / "assignment.toml"} [data]: source = "{source}", but there is no file {path}')
    # Run as it is: an import would find the bytecode of a file that was saved twice within a second.
    value: Any = runpy.run_path(str(path)).get(function)
    if not callable(value):
        raise UserError(
            f'{folder / "assignment.toml"} [data]: {path} has no function "{function}"; '
            f"write one with the signature {function}(n, rng) -> dict of arrays."
        )
    generate: Callable[[int, Generator], Arrays] = value
    return generate
