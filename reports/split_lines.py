"""What a split has and what an update changes, as lines for its author."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from assignments.data.source import PARTS, Part
from assignments.errors import listed

if TYPE_CHECKING:
    from graders.authoring.splitting import ProposedSplit

SHOWN = 10
"""Subjects that a line names."""


def split_lines(proposed: ProposedSplit) -> Iterator[str]:
    """How many subjects each part has, then who is new, withdrawn, returned or moved, and who was handed out before."""
    split, change = proposed.split, proposed.change
    counts = [f"{len(split.of(part))} {_words(part)}" for part in PARTS if split.of(part)]
    spare = sum(row.part is None for row in split.present)
    yield f"{len(split.present)} subjects: {', '.join(counts)}{f', {spare} in no part' if spare else ''}"
    if proposed.first:
        return
    for what, subjects in (("new", change.new), ("withdrawn", change.withdrawn), ("returned", change.returned)):
        for part, names in _by_part(subjects).items():
            yield f"{what}, {_words(part)}: {listed(names, SHOWN)}"
    moves: dict[tuple[Part | None, Part | None], list[str]] = {}
    for subject, move in change.moved.items():
        moves.setdefault(move, []).append(subject)
    for (before, now), names in moves.items():
        yield f"moved from {_words(before)} to {_words(now)}: {listed(names, SHOWN)}"
    if not change.moved:
        yield "moved: nobody"
    if change.exposed:
        count, names = len(change.exposed), list(change.exposed)
        yield f"{count} subjects that are hidden now were handed out before: {listed(names, SHOWN)}"


def _by_part(subjects: Mapping[str, Part | None]) -> dict[Part | None, list[str]]:
    by_part: dict[Part | None, list[str]] = {}
    for subject, part in subjects.items():
        by_part.setdefault(part, []).append(subject)
    return by_part


def _words(part: Part | None) -> str:
    return {"train": "for training", "val": "for validation", "test": "hidden", None: "in no part"}[part]
