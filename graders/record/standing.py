"""How an assignment stands: the last complete rehearsal, stored in its folder, and whether it still holds.

A mark's provenance carries it, and a catalogue assignment that does not stand is not handed out.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assignments.assignment import Assignment
from assignments.cached import cached
from assignments.digests import code_digest, digest_of, file_digest
from assignments.files import replace_file
from assignments.load import in_catalogue, references
from graders.record import calibration
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
    replace_file(assignment.folder / FILE, text)


def standing(assignment: Assignment) -> Standing:
    """The stored rehearsal; one that is missing or cannot be read proves nothing."""
    try:
        document = json.loads((assignment.folder / FILE).read_text(encoding="utf-8"))
        fresh = document["key"] == key_of(assignment)
        return Standing(document["at"], fresh, bool(document["passed"]), tuple(document["gaps"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return Standing(None, fresh=False, passed=False, gaps=("it has not been rehearsed",))


def key_of(assignment: Assignment) -> str:
    """SHA-256 over what a rehearsal reads: the folder without its words, and the references of the catalogue.

    Of code, TOML and the calibration only what they say counts, not how it is laid out.
    """
    folder = assignment.folder
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in name.parts)
        if path.is_file() and not hidden and name.as_posix() not in _WORDS:
            files[name.as_posix()] = _digest(path)
    elsewhere = references(assignment) if in_catalogue(folder) else {}
    return digest_of(files=files, references={name: code_digest(path) for name, path in elsewhere.items()})


def _digest(path: Path) -> str:
    if path.suffix == ".py":
        return code_digest(path)
    source = path.read_bytes()
    try:
        if path.suffix == ".toml":
            return str(cached("values of TOML, 1", source, _of_toml))
        if path.name == calibration.FILE:
            document = json.loads(source)
            return digest_of(scores=[document.get(name) for name in ("references", "baselines", "standard_error")])
    except (ValueError, AttributeError):  # it says nothing that can be read
        pass
    return file_digest(path)


def _of_toml(source: bytes) -> str:
    values = tomllib.loads(source.decode("utf-8"))
    return digest_of(toml=json.loads(json.dumps(values, default=str)))
