"""The figure of how the scores of all hidden answers are spread: ten bars, the anchors, and the cohort as a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from assignments.assignment import Accuracy, Unanchored
from graders.marks.mark import Mark
from graders.marks.shown_scores import BINS, FEWEST_SUBJECTS, Distribution, cohort_shares
from graders.marks.visibility import visible
from reports.figures import ANCHOR_NAMES
from reports.numbers import number

FEWEST_GROUPS: Final = 5
"""From so many groups on the cohort is drawn: among fewer, one group could be told from it."""
TOO_FEW: Final = (
    f"No distribution is shown: with fewer than {FEWEST_SUBJECTS} hidden subjects it would show single cases."
)


@dataclass(frozen=True)
class Bar:
    """One part of the range; positions are per cent of the figure's width and height."""

    left: float
    width: float
    height: float
    ends: str
    """In words: `0.4 to 0.5`."""
    share: str
    """Of the answers."""
    cohort: str
    """Mean share over the cohort; empty where it is not drawn."""


@dataclass(frozen=True)
class AnchorLine:
    """An anchor on the scale of the bars."""

    name: str
    x: float


@dataclass(frozen=True)
class ScoreHistogram:
    """The whole figure; without bars `note` says why."""

    note: str
    bars: tuple[Bar, ...] = ()
    anchors: tuple[AnchorLine, ...] = ()
    cohort: str = ""
    """Points of a line of SVG in a figure of 100 by 100; empty where the cohort is not drawn."""
    ends: tuple[str, ...] = ()
    """Numbers below the figure: both ends and the middle."""
    words: str = ""
    """The figure for who does not see it."""


def cohort_of(marks: Sequence[Mark], criterion: Accuracy) -> tuple[float, ...]:
    """The mean share of each part over all groups; empty of fewer than `FEWEST_GROUPS`."""
    findings = (visible(f, "student") for mark in marks for f in mark.findings if f.criterion == criterion.id)
    scored = (finding.scored for finding in findings if finding.scored is not None)
    return cohort_shares([each.distribution for each in scored if each.distribution], FEWEST_GROUPS)


def histogram(distribution: Distribution, criterion: Accuracy, cohort: Sequence[float] = ()) -> ScoreHistogram:
    """The figure of one criterion. Better scores are on the right, as in the figure of the points."""
    if not distribution.counts:
        return ScoreHistogram(TOO_FEW)
    low, high, total = distribution.low, distribution.high, sum(distribution.counts)
    rising = criterion.anchors.rising
    shares = [count / total for count in distribution.counts]
    ends = [_ends(distribution, part) for part in range(BINS)]
    drawn = list(range(BINS)) if rising else list(reversed(range(BINS)))
    top = max([*shares, *cohort])
    width = 100 / BINS
    bars = tuple(
        Bar(
            left=round(at * width, 2),
            width=width,
            height=_height(shares[part], top),
            ends=ends[part],
            share=_percent(shares[part]),
            cohort=_percent(cohort[part]) if cohort else "",
        )
        for at, part in enumerate(drawn)
    )
    line = (
        " ".join(
            f"{x:.2f},{100 - _height(cohort[part], top):.2f}"
            for at, part in enumerate(drawn)
            for x in (at * width, (at + 1) * width)
        )
        if cohort
        else ""
    )
    scale = criterion.anchors
    values = () if isinstance(scale, Unanchored) else zip(ANCHOR_NAMES, scale.values(), strict=True)
    positions = ((name, 100 * (value - low) / (high - low)) for name, value in values)
    anchors = tuple(AnchorLine(name, round(x if rising else 100 - x, 2)) for name, x in positions if 0 <= x <= 100)
    marks = [low, (low + high) / 2, high] if rising else [high, (low + high) / 2, low]
    spoken = ", ".join(f"{bar.share} from {bar.ends}" for bar in bars if bar.height)
    return ScoreHistogram(
        "", bars, anchors, line, tuple(number(mark, 2) for mark in marks), f"Of {total} answers {spoken}"
    )


def _ends(distribution: Distribution, part: int) -> str:
    width = (distribution.high - distribution.low) / BINS
    low, high = (number(distribution.low + width * i, 3) for i in (part, part + 1))
    if part == 0 and distribution.beyond_low:
        return f"{high} or less"
    if part == BINS - 1 and distribution.beyond_high:
        return f"{low} or more"
    return f"{low} to {high}"


def _height(share: float, top: float) -> float:
    return round(100 * share / top, 2) if top else 0.0


def _percent(share: float) -> str:
    return f"{number(100 * share, 0)} %"
