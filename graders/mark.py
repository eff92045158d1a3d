"""Findings and marks: the types, and all arithmetic from a score to points. Reads nothing, runs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What is known of one finding. `unknown` is ours to cure: no points are given and none are lost."""

    PASSED = "passed"
    PARTIAL = "partial"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """What a mark is."""

    MARKED = "marked"
    INCOMPLETE = "incomplete"
    """A person's part is missing; never exported as zero."""
    WITHHELD = "withheld"
    """A toolkit failure stands in the way."""
    NOT_SUBMITTED = "not_submitted"
    """Nothing was handed in; not the same as 0."""


@dataclass(frozen=True)
class Finding:
    """One judged answer."""

    id: str
    """`<criterion>/<name>`, for a test `<criterion>/<module>::<test>`."""
    kind: str
    """`hidden_test`, `public_test`, `accuracy`, `person` or `notice`."""
    criterion: str
    verdict: Verdict
    points: Decimal | None
    """None while unknown."""
    out_of: Decimal
    told: str
    """What the student may read."""
    reason: str | None = None
    """A word of the closed list in `graders.failures`, or None."""
    evidence: str = ""
    """For staff: may hold what student code printed or raised."""
    interval: tuple[float, float] | None = None
    """95 % interval of the score behind an accuracy finding, in the metric's unit."""
    score: float | None = None
    """The combined score of an accuracy finding, in the metric's unit."""
    hint: str = ""
    """For a public test: how to go on."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Plain numbers for the staff's page: per case scores and states, repeats, CPU seconds."""


@dataclass(frozen=True)
class Mark:
    """What one submission earned, and all that is needed to trace it."""

    assignment: str
    group: str
    commit: str | None
    status: Status
    points: Decimal | None
    """Sum of the findings' points, rounded once; None unless marked, or incomplete (then the part marked so far)."""
    out_of: Decimal
    findings: tuple[Finding, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Assignment and data digests, image, sandbox, framework, versions, times, flags."""
