"""An assignment's whole folder on patients of its own: what `load`, a handout and a course need."""

from __future__ import annotations

from pathlib import Path

from tests.assignments.data.finite_source import SCANS, patients

TOML = """\
id = "slices"
title = "Slices"
task = "segmentation"
frameworks = ["numpy"]
[data]
source = "scans.py"
path = "../patients"
test = 2
split_seed = 1
{data}
[run]
mode = "{mode}"
budget_cpu_s = 5
[limits]
memory_mb = 512
cpu_s = 20
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 60
metric = "dice"
anchors = {{ trivial = 0.1, pass = 0.4, merit = 0.5, distinction = 0.6, reference = 0.8, ceiling = 1.0 }}
"""
INTERFACE = """\
from typing import Annotated, TypedDict

import numpy as np
from jaxtyping import Float, Float32, UInt8

from assignments.interface import Model, Range


class Slices(TypedDict):
    image: Float32[np.ndarray, "n h w"]
    spacing: Float32[np.ndarray, "n 2"]


class Labelled(TypedDict):
    image: Float32[np.ndarray, "n h w"]
    label: UInt8[np.ndarray, "n h w"]
    spacing: Float32[np.ndarray, "n 2"]


class Prediction(TypedDict):
    prob: Annotated[Float[np.ndarray, "n h w"], Range(0, 1)]


def bright(image: Float32[np.ndarray, "n h w"]) -> Float[np.ndarray, "n"]: ...
def fit(train: Labelled, val: Labelled | None, *, seed: int, budget_s: float) -> Model: ...
def predict(model: Model, inputs: Slices) -> Prediction: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
"""


def write_folder(
    tmp_path: Path, *, data: str = "", mode: str = "retrain", subjects: int = 8, source: str = SCANS
) -> Path:
    """The assignment's folder `tmp_path / "slices"`, whose patients lie beside it."""
    patients(tmp_path / "patients", subjects)
    folder = tmp_path / "slices"
    folder.mkdir(exist_ok=True)
    (folder / "assignment.toml").write_text(TOML.format(data=data, mode=mode))
    (folder / "brief.md").write_text("# Slices\n")
    (folder / "interface.py").write_text(INTERFACE)
    (folder / "scans.py").write_text(source)
    return folder
