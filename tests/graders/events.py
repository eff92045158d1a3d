"""An event for a test, said as a person would: about `mlp`, `mlp/g1` or `mlp/g1/s1`."""

from __future__ import annotations

from typing import Any

from graders.record.ledger import Event


def event(about: str, kind: str, value: str, *, at: str = "2027-01-20T09:00:00.000+00:00", **more: Any) -> Event:
    assignment, group, member = (*about.split("/", 2), "", "")[:3]
    more = {"who": "prof", "reason": "because", **more}
    return Event(at=at, assignment=assignment, group=group, member=member, kind=kind, value=value, **more)


def about(event: Event) -> str:
    return "/".join(part for part in (event.assignment, event.group, event.member) if part)
