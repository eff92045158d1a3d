"""The answers of a submission in one repeat: asking stores them, and scoring reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from assignments.data.columns import Cases
from graders.record.documents import Cause


@dataclass(frozen=True)
class Answers:
    """The answers of a submission in one repeat, in the order of the hidden cases."""

    arrays: Mapping[str, Cases]
    failed: Mapping[int, str] = field(default_factory=dict)
    """By index: the reason, for cases without a usable answer; the arrays' values there are ignored."""
    causes: Mapping[int, Cause] = field(default_factory=dict)
    """By index: what the student may read of it: the reason, the nearest exception, a line of their code."""
    cause_detail: str = ""
    """For staff: what names the commonest cause."""
    evidence: str = ""
    """For staff: the details."""
