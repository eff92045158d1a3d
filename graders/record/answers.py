"""What a submission answered in one repeat: what asking stores, and scoring reads. Nothing is asked or scored here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from graders.record.documents import Cause


@dataclass(frozen=True)
class Answers:
    """What a submission answered in one repeat, in the order of the hidden cases."""

    arrays: Mapping[str, NDArray[Any]]
    failed: Mapping[int, str] = field(default_factory=dict)
    """Reason by position, for cases without a usable answer; what the arrays hold there is ignored."""
    causes: Mapping[int, Cause] = field(default_factory=dict)
    """What the student may read of it, by position: the reason, the nearest exception, a line of their own code."""
    said: str = ""
    """For staff: what names the commonest cause."""
    evidence: str = ""
    """What staff read beside it."""
