"""How well first and second markers agree: what a board asks of double marking. It moves no mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from assignments.rubric import RubricLine
from graders.marks.part_marks import PartMark
from graders.metrics.labels import quadratic_kappa
from graders.record.decisions import LineMark

FEWEST: Final = 3
"""With fewer papers, a spread or a coefficient says nothing."""


@dataclass(frozen=True)
class LineAgreement:
    """Of one line of the rubric, or of the sum of all."""

    title: str
    out_of: int
    papers: int
    """Marked by both."""
    difference: float
    """Mean of second minus first, in points."""
    limits: tuple[float, float] | None = None
    """95 % limits of agreement, in points: the mean difference and 1.96 standard deviations (Bland and Altman)."""
    kappa: float | None = None
    """Of the levels, with quadratic weights (Cohen); None without levels, or where all are one level."""
    icc: float | None = None
    """ICC(A,1) of the points: absolute agreement of single marks (McGraw and Wong); None where none differ."""


def agreement(parts: Sequence[PartMark]) -> list[LineAgreement]:
    """The sum first, then each line; empty if no paper is marked by two people."""
    both = [part for part in parts if part.total("first") is not None and part.total("second") is not None]
    if not both:
        return []
    criterion = both[0].criterion
    totals = np.array([[float(part.total(role) or 0) for role in ("first", "second")] for part in both])
    whole = _compared("sum", criterion.points, totals)
    return [whole, *(_of_line(line, both) for line in criterion.lines)]


def _of_line(line: RubricLine, parts: Sequence[PartMark]) -> LineAgreement:
    pairs = [(part.marks("first")[line.id], part.marks("second")[line.id]) for part in parts]
    points = np.array([[float(mark.points or 0) for mark in pair] for pair in pairs])
    kappa = None
    if line.levels and len(pairs) >= FEWEST:
        numbers = np.array([[_level_number(line, mark) for mark in pair] for pair in pairs])
        if len(np.unique(numbers)) > 1:
            kappa = quadratic_kappa(numbers[:, 1], numbers[:, 0], ())
    return _compared(line.title, line.points, points, kappa)


def _level_number(line: RubricLine, mark: LineMark) -> int:
    """0 for the lowest level."""
    return next(
        n for n, level in enumerate(reversed(line.levels)) if mark.points is not None and level.has(mark.points)
    )


def _compared(title: str, out_of: int, points: np.ndarray, kappa: float | None = None) -> LineAgreement:
    """Columns are the two markers, rows the papers."""
    differences = points[:, 1] - points[:, 0]
    mean = float(differences.mean())
    if len(points) < FEWEST:
        return LineAgreement(title, out_of, len(points), mean)
    half = 1.96 * float(differences.std(ddof=1))
    return LineAgreement(title, out_of, len(points), mean, (mean - half, mean + half), kappa, _icc(points))


def _icc(points: np.ndarray) -> float | None:
    """ICC(A,1) by the mean squares of a two-way analysis of variance."""
    n, k = points.shape
    grand = points.mean()
    of_rows = k * ((points.mean(axis=1) - grand) ** 2).sum() / (n - 1)
    of_columns = n * ((points.mean(axis=0) - grand) ** 2).sum() / (k - 1)
    residual = points - points.mean(axis=1, keepdims=True) - points.mean(axis=0) + grand
    of_error = (residual**2).sum() / ((n - 1) * (k - 1))
    total = of_rows + (k - 1) * of_error + k * (of_columns - of_error) / n
    return None if total <= 1e-12 else float((of_rows - of_error) / total)
