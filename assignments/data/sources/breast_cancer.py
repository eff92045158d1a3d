"""Fine-needle aspirates of breast masses: train on the real table, test on cases drawn from a model of it.

Source: the Breast Cancer Wisconsin (Diagnostic) table, 569 aspirates (212 malignant) with 30 measurements
each, as scikit-learn bundles it (Street, Wolberg & Mangasarian 1993, doi:10.1117/12.148698). Columns 0-9 are
the mean over the cell nuclei of an aspirate, 10-19 its standard error, 20-29 the mean of the three largest
nuclei ("worst"). Malignant is 1, the positive class: scikit-learn codes it 0.

The table is public, with its labels, so a hidden case cannot be one of its rows: a look-up would answer it.
Training cases are real rows; hidden cases are drawn, class by class, from a Gaussian copula with the table's
own marginals (`Copula`). Nothing is standardised here: the columns span six orders of magnitude, and students
must deal with that.

The model is realistic where it matters. Balanced accuracy and AUROC of classifiers fitted to 400 real rows,
five draws, on 1000 drawn cases: logistic regression .958 and .993 (.963 and .993 on held-out real rows),
random forest .951 and .989 (.944 and .986), mean radius alone .860 and .942 (.855 and .932). Knowing the
table by heart does not help: its nearest row gives .943, and the best rule for the model itself .967.
"""

from __future__ import annotations

import csv
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from assignments.data.source import Arrays, Axes, Endless
from assignments.errors import UserError

MALIGNANT, BENIGN = 1, 0

_NORMAL = NormalDist()


def real_rows(n: int, rng: Generator) -> Arrays:
    """`n` rows of the real table, without repetition and with the table's share of malignant cases.

    Returns:
        x: (n, 30) float32 in the table's own units.
        y: (n,) uint8.
    """
    x, y = table()
    if n > len(y):
        raise UserError(f"[data]: train = {n}, but the breast-cancer table has {len(y)} rows.")
    malignant = round(n * float(y.mean()))
    rows = np.concatenate(
        [
            rng.choice(np.flatnonzero(y == MALIGNANT), malignant, replace=False),
            rng.choice(np.flatnonzero(y == BENIGN), n - malignant, replace=False),
        ]
    )
    rng.shuffle(rows)
    return {"x": x[rows].astype(np.float32), "y": y[rows]}


def synthetic(n: int, rng: Generator) -> Arrays:
    """`n` cases that are not in the table, in random order and with the table's share of malignant cases.

    Returns:
        x: (n, 30) float32 in the table's own units.
        y: (n,) uint8.
    """
    x, y = table()
    labels = np.full(n, BENIGN, dtype=np.uint8)
    labels[: round(n * float(y.mean()))] = MALIGNANT
    rng.shuffle(labels)
    drawn = np.empty((n, x.shape[1]))
    for label in (BENIGN, MALIGNANT):
        of_class = labels == label
        drawn[of_class] = _model(label).draw(int(of_class.sum()), rng)
    return {"x": drawn.astype(np.float32), "y": labels}


@cache
def table() -> tuple[np.ndarray, np.ndarray]:
    """The real table: x (569, 30) float64 and y (569,) uint8 with malignant = 1.

    This reads scikit-learn's file: importing the package would cost every marking process 1.3 CPU seconds.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise UserError("the breast-cancer table is part of scikit-learn, which is missing: pip install scikit-learn")
    with (Path(spec.origin).parent / "datasets" / "data" / "breast_cancer.csv").open(newline="") as file:
        _, *rows = csv.reader(file)
    values = np.array(rows, dtype=np.float64)
    x, y = values[:, :-1], (1 - values[:, -1]).astype(np.uint8)  # the file says 0 for malignant
    x.setflags(write=False)
    y.setflags(write=False)
    return x, y


@dataclass(frozen=True)
class Copula:
    """One class of the table as a distribution: each column's own values, joined by a Gaussian copula.

    Columns 20-29 are modelled as their excess over columns 0-9, so that a worst value is never below the
    mean. No such column leaves its range in the class, so that positive values stay positive.
    """

    ordered: np.ndarray
    """(n, 30) each column sorted: its quantiles."""
    mixing: np.ndarray
    """(30, 30) Cholesky factor of the correlation between the columns' normal scores."""

    @classmethod
    def fitted_to(cls, x: np.ndarray) -> Copula:
        columns = x.copy()
        columns[:, 20:] -= x[:, :10]
        n = len(columns)
        ranks = columns.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
        scores = np.array([_NORMAL.inv_cdf((rank + 0.5) / n) for rank in range(n)])[ranks]
        return cls(np.sort(columns, axis=0), np.linalg.cholesky(np.corrcoef(scores, rowvar=False)))

    def draw(self, n: int, rng: Generator) -> np.ndarray:
        """(n, 30) float64, in the table's units."""
        scores = rng.standard_normal((n, len(self.mixing))) @ self.mixing.T
        shares = np.vectorize(_NORMAL.cdf, otypes=[float])(scores)
        grid = np.linspace(0, 1, len(self.ordered))
        x = np.column_stack([np.interp(s, grid, c) for s, c in zip(shares.T, self.ordered.T, strict=True)])
        x[:, 20:] += x[:, :10]
        return x


@cache
def _model(label: int) -> Copula:
    x, y = table()
    return Copula.fitted_to(x[y == label])


SOURCE = Endless(
    {
        "x": Axes("float32", "30", doc="measurements of an aspirate, in the table's own units"),
        "y": Axes("uint8", "", role="truth", doc="the biopsy: 1 is malignant, 0 is benign"),
    },
    draw=synthetic,
    training=real_rows,
)
