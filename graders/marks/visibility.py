"""Who may read what of a finding: the one place that decides. Nothing is rendered or escaped here.

A student reads what we wrote for them. What student code printed, raised or answered under a hidden test
could carry hidden inputs out, so it is evidence, and only staff read it. The default is to withhold: a kind
of finding, a part of one, or a key of a provenance, that is not listed below is not shown to students.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from graders.marks.mark import Finding

Audience = Literal["student", "staff"]

_ALWAYS: Final = frozenset({"id", "kind", "criterion", "verdict", "points", "out_of", "exact"})
"""What of any finding is told: `exact` is the points themselves."""
_SHOWN: Final[Mapping[str, frozenset[str]]] = {
    "hidden_test": frozenset({"title", "cause", "note", "void"}),
    "public_test": frozenset({"title", "cause", "note", "hint", "evidence"}),
    "accuracy": frozenset({"cause", "note", "scored"}),
    "person": frozenset({"note"}),
    "notice": frozenset({"title", "cause", "hint"}),
}
"""Beside these, what a student reads, by kind. Scores of single cases are not among them: they leak labels."""

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
    shown = _ALWAYS | _SHOWN.get(finding.kind, frozenset())
    nobody = Finding(finding.id, finding.kind, finding.criterion, finding.verdict, finding.points, finding.out_of)
    return replace(nobody, **{name: getattr(finding, name) for name in shown})


def visible_provenance(provenance: Mapping[str, Any], audience: Audience) -> dict[str, Any]:
    """What of a mark's provenance `audience` may read; flags and whatever is not listed are for staff."""
    if audience == "staff":
        return dict(provenance)
    return {key: value for key, value in provenance.items() if key in _PROVENANCE}
