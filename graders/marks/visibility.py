"""Decides who may read which part of a finding, a provenance or an event; nothing else does.

Students read the feedback written for them. Text that student code printed, raised or answered under a hidden test
could carry hidden inputs out, so it is evidence, and only staff read it. The default is to withhold: a kind of finding,
a part of one, or a key of a provenance, that is not listed below is not shown to students.

A board of examiners reads who decided what and when, about whom. The reason for a decision about one person or group is
between these and the staff; a note for staff may hold a medical fact.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from graders.marks.mark import Finding
from graders.record.decisions import ABOUT
from graders.record.ledger import Event

Audience = Literal["student", "staff"]

_ALWAYS: Final = frozenset({"id", "kind", "criterion", "verdict", "points", "out_of", "exact"})
"""Shown of every finding; `exact` is the points themselves."""
_SHOWN: Final[Mapping[str, frozenset[str]]] = {
    "hidden_test": frozenset({"title", "cause", "note", "void", "mend"}),
    "public_test": frozenset({"title", "cause", "note", "hint", "evidence"}),
    "accuracy": frozenset({"cause", "note", "scored"}),
    "person": frozenset({"note", "rubric"}),
    "notice": frozenset({"title", "cause", "hint"}),
}
"""Also shown to students, by kind. Scores of single cases are not among them: they leak labels."""

_SHOWN_PROVENANCE: Final = frozenset(
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
    """The finding as `audience` may read it: withheld parts are empty, points and verdict always stay."""
    if audience == "staff":
        return finding
    shown = _ALWAYS | _SHOWN.get(finding.kind, frozenset())
    bare = Finding(finding.id, finding.kind, finding.criterion, finding.verdict, finding.points, finding.out_of)
    return replace(bare, **{name: getattr(finding, name) for name in shown})


def visible_provenance(provenance: Mapping[str, Any], audience: Audience) -> dict[str, Any]:
    """The provenance that `audience` may read; flags and keys that are not listed are for staff."""
    if audience == "staff":
        return dict(provenance)
    return {key: value for key, value in provenance.items() if key in _SHOWN_PROVENANCE}


A_NOTE: Final = "a note for staff"
"""Stands for a reference that is not a case number."""
_CASE_NUMBER: Final = re.compile(r"(?=.*[0-9]{3})#?[A-Z0-9]+(?:[ /._:#-][A-Z0-9]+)*")
"""Such as `DAP 2027-113`: capitals and digits, three of these in a row. Words are a note."""


def visible_event(event: Event) -> Event:
    """The event as a board may read it: a reason that everyone may read stays, and so does a case number."""
    public = not event.group and not event.member and "all" in ABOUT.get(event.kind, ())
    reference = event.reference.strip()
    return replace(
        event,
        reason=event.reason if public else "",
        value="" if event.kind == "dispute" else event.value,
        reference=reference if not reference or _CASE_NUMBER.fullmatch(reference) else A_NOTE,
    )
