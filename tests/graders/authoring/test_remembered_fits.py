"""Copies of one reference train once for equal arguments, and again for any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graders.authoring.remembered_fits import remembered

CASES = {"x": np.arange(6, dtype=np.float32).reshape(3, 2), "y": np.array([0, 1, 1])}


class Reference:
    """A solution whose model is a number, and which counts how often it trains."""

    def __init__(self) -> None:
        self.trained = 0

    def fit(self, train: Any, val: Any = None, *, seed: int, budget_s: float, log: Any = None) -> float:
        self.trained += 1
        return float(np.sum(train["x"])) + seed

    def save(self, model: float, folder: Path) -> None:
        (folder / "model.txt").write_text(str(model))

    def load(self, folder: Path) -> float:
        return float((folder / "model.txt").read_text())

    def remembered(self, folder: Path) -> Any:
        return remembered(self.fit, self.save, self.load, folder)


@pytest.fixture
def reference() -> Reference:
    return Reference()


def test_equal_arguments_are_trained_on_once_whichever_copy_asks(reference: Reference, tmp_path: Path) -> None:
    first, second = (reference.remembered(tmp_path / "fits") for _ in range(2))
    copied = {key: array.copy() for key, array in CASES.items()}
    models = [first(CASES, None, seed=3, budget_s=8.0), second(copied, None, seed=3, budget_s=8.0)]
    assert models == [18.0, 18.0]
    assert reference.trained == 1
    assert [path.is_dir() for path in (tmp_path / "fits").iterdir()] == [True]


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 4},
        {"budget_s": 2.0},
        {"val": CASES},
        {"train": {**CASES, "x": CASES["x"] + 1}},
        {"train": {**CASES, "x": CASES["x"].astype(np.float64)}},
        {"train": {**CASES, "x": CASES["x"].reshape(2, 3)}},
        {"train": {**CASES, "z": CASES["y"]}},
        {"train": {"x": [*CASES["x"]], "y": CASES["y"]}},
    ],
)
def test_other_arguments_are_trained_on_anew(reference: Reference, tmp_path: Path, other: dict[str, Any]) -> None:
    fit = reference.remembered(tmp_path / "fits")
    arguments = {"train": CASES, "val": None, "seed": 3, "budget_s": 8.0}
    fit(**arguments)
    fit(**{**arguments, **other})
    assert reference.trained == 2


def test_with_a_listener_it_trains(reference: Reference, tmp_path: Path) -> None:
    fit = reference.remembered(tmp_path / "fits")
    for _ in range(2):
        fit(CASES, None, seed=3, budget_s=8.0, log=lambda *numbers: None)
    assert reference.trained == 2


def test_with_validation_cases_it_trains(reference: Reference, tmp_path: Path) -> None:
    fit = reference.remembered(tmp_path / "fits")
    fit(CASES, CASES, seed=3, budget_s=8.0)
    fit(CASES, val=CASES, seed=3, budget_s=8.0)
    assert reference.trained == 2
