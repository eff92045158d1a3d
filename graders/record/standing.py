"""How an assignment stands: the last complete rehearsal, stored in its folder, and whether it still holds.

A mark's provenance carries it, and a catalogue assignment that does not stand is not handed out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assignments.assignment import Assignment
from assignments.load import in_catalogue, references
from graders.record.keys import code_digest, digest_of, file_digest
from graders.record.rehearsal import Rehearsal

FILE = "rehearsal.json"
_WORDS = (FILE, "brief.md")
"""Files whose change proves or disproves nothing."""


@dataclass(frozen=True)
class Standing:
    """What is known of an assignment's proof."""

    rehearsed_at: str | None
    """ISO time in UTC; None if it never was."""
    fresh: bool
    """Whether nothing that a rehearsal depends on changed since."""
    passed: bool
    gaps: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the assignment may be handed out."""
        return self.fresh and self.passed

    def as_json(self) -> dict[str, Any]:
        """For the provenance of a mark."""
        return {
            "rehearsed_at": self.rehearsed_at,
            "fresh": self.fresh,
            "passed": self.passed,
            "gaps": list(self.gaps),
        }


def record(assignment: Assignment, rehearsal: Rehearsal) -> None:
    """Store a complete rehearsal in the assignment's folder."""
    document = {
        "key": key_of(assignment),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "passed": rehearsal.passed,
        "gaps": [str(gap) for gap in rehearsal.gaps],
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    (assignment.folder / FILE).write_text(text, encoding="utf-8")


def standing(assignment: Assignment) -> Standing:
    """The stored rehearsal; one that is missing or cannot be read proves nothing."""
    try:
        document = json.loads((assignment.folder / FILE).read_text(encoding="utf-8"))
        fresh = document["key"] == key_of(assignment)
        return Standing(document["at"], fresh, bool(document["passed"]), tuple(document["gaps"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return Standing(None, fresh=False, passed=False, gaps=("it has not been rehearsed",))


def key_of(assignment: Assignment) -> str:
    """SHA-256 over what a rehearsal reads: the folder without its words, and the references of the catalogue."""
    folder = assignment.folder
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in name.parts)
        if path.is_file() and not hidden and name.as_posix() not in _WORDS:
            files[name.as_posix()] = code_digest(path) if path.suffix == ".py" else file_digest(path)
    elsewhere = references(assignment) if in_catalogue(folder) else {}
    return digest_of(files=files, references={name: code_digest(path) for name, path in elsewhere.items()})
