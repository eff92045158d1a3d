"""Who may read what of a finding: the one place that decides. Nothing is rendered or escaped here.

A student reads what we wrote for them. What student code printed, raised or answered under a hidden test
could carry hidden inputs out, so it is evidence, and only staff read it. The default is to withhold: a kind
of finding, or a key of a detail or of a provenance, that is not listed below is not shown to students.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:  # graders.marks.mark renders findings through this file
    from graders.marks.mark import Finding

Audience = Literal["student", "staff"]

_TEXTS: Final[Mapping[str, frozenset[str]]] = {
    "hidden_test": frozenset({"told", "reason"}),
    "public_test": frozenset({"told", "reason", "hint", "evidence"}),
    "accuracy": frozenset({"told", "reason", "score", "interval"}),
    "person": frozenset({"told"}),
    "notice": frozenset({"told", "reason", "hint"}),
}
"""Beside id, kind, criterion, verdict and points, which are always told: what a student reads, by kind."""

_DETAIL: Final[Mapping[str, frozenset[str]]] = {
    "hidden_test": frozenset({"docstring", "title"}),
    "accuracy": frozenset({"caps", "share"}),
}
"""Keys of `Finding.detail` a student reads; scores of single cases are not among them: they leak labels."""

_PROVENANCE: Final = frozenset(
    {
        "assignment",
        "assignment_digest",
        "data",
        "data_digest",
        "framework",
        "image",
        "image_digest",
        "sandbox",
        "isolated",
        "tree",
        "mode",
        "medmark",
        "versions",
        "runtime",
        "python",
        "seen_at",
        "graded_at",
        "secret_fingerprint",
    }
)


def visible(finding: Finding, audience: Audience) -> Finding:
    """The finding as `audience` may read it: what is withheld is empty, points and verdict always stay."""
    if audience == "staff":
        return finding
    texts = _TEXTS.get(finding.kind, frozenset())
    keys = _DETAIL.get(finding.kind, frozenset())
    return replace(
        finding,
        told=finding.told if "told" in texts else "",
        reason=finding.reason if "reason" in texts else None,
        hint=finding.hint if "hint" in texts else "",
        evidence=finding.evidence if "evidence" in texts else "",
        score=finding.score if "score" in texts else None,
        interval=finding.interval if "interval" in texts else None,
        detail={key: value for key, value in finding.detail.items() if key in keys},
    )


def visible_provenance(provenance: Mapping[str, Any], audience: Audience) -> dict[str, Any]:
    """What of a mark's provenance `audience` may read; flags and whatever is not listed are for staff."""
    if audience == "staff":
        return dict(provenance)
    return {key: value for key, value in provenance.items() if key in _PROVENANCE}
