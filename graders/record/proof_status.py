"""The proof status of an assignment: its last complete rehearsal, stored in its folder, and whether it is still valid.

A mark's provenance holds the status. A catalogue assignment without a valid proof is not handed out.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assignments.assignment import Assignment
from assignments.cached import cached
from assignments.data.split import read_split
from assignments.digests import code_digest, digest_of, file_digest
from assignments.files import replace_file
from assignments.load import in_catalogue, own_files, references
from graders.record.calibration import CALIBRATION_FILE
from graders.record.rehearsal import Pattern, Rehearsal

REHEARSAL_FILE = "rehearsal.json"
_TEXT_FILES = (REHEARSAL_FILE, "brief.md")
"""Files that a rehearsal does not read."""


@dataclass(frozen=True)
class ProofStatus:
    """Whether an assignment is proven, by its stored rehearsal."""

    rehearsed_at: str | None
    """ISO time in UTC; None if it was never rehearsed."""
    fresh: bool
    """Whether everything that the rehearsal read is unchanged."""
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


def store_rehearsal(assignment: Assignment, rehearsal: Rehearsal) -> None:
    """Store a complete rehearsal in the assignment's folder."""
    document = {
        "key": rehearsal_key(assignment),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "passed": rehearsal.passed,
        "gaps": [str(gap) for gap in rehearsal.gaps],
        "patterns": [asdict(pattern) for pattern in rehearsal.patterns],
    }
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    replace_file(assignment.folder / REHEARSAL_FILE, text)


def proof_status(assignment: Assignment) -> ProofStatus:
    """The status by the stored rehearsal; one that is missing or cannot be read proves nothing."""
    try:
        document = json.loads((assignment.folder / REHEARSAL_FILE).read_text(encoding="utf-8"))
        fresh = document["key"] == rehearsal_key(assignment)
        return ProofStatus(document["at"], fresh, bool(document["passed"]), tuple(document["gaps"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ProofStatus(None, fresh=False, passed=False, gaps=("it has not been rehearsed",))


def recorded_patterns(assignment: Assignment) -> tuple[Pattern, ...]:
    """The patterns of the misconceptions, as the last rehearsal saw them; none if anything changed since."""
    try:
        document = json.loads((assignment.folder / REHEARSAL_FILE).read_text(encoding="utf-8"))
        if document["key"] != rehearsal_key(assignment):
            return ()
        return tuple(Pattern(**pattern) for pattern in document.get("patterns", ()))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ()


def rehearsal_key(assignment: Assignment) -> str:
    """SHA-256 over what a rehearsal reads: the folder without its texts, and the references of the catalogue.

    Of code, TOML and the calibration only the content counts, not the layout.
    """
    folder = assignment.folder
    files = {name: _digest(path) for name, path in own_files(assignment) if name not in _TEXT_FILES}
    elsewhere = references(assignment) if in_catalogue(folder) else {}
    split = read_split(assignment.split_file)
    return digest_of(
        files=files,
        references={name: code_digest(path) for name, path in elsewhere.items()},
        # Its days change with each handout; a rehearsal reads the parts alone.
        **({} if split is None else {"split": {row.subject: row.part for row in split.present}}),
    )


def _digest(path: Path) -> str:
    if path.suffix == ".py":
        return code_digest(path)
    source = path.read_bytes()
    try:
        if path.suffix == ".toml":
            return str(cached("values of TOML, 1", source, _of_toml))
        if path.name == CALIBRATION_FILE:
            document = json.loads(source)
            scores = [document.get(name) for name in ("references", "baselines", "standard_error")]
            own = document.get("own_baselines")
            return digest_of(scores=[*scores, own] if own else scores)
    except (ValueError, AttributeError):  # it cannot be read
        pass
    return file_digest(path)


def _of_toml(source: bytes) -> str:
    values = tomllib.loads(source.decode("utf-8"))
    return digest_of(toml=json.loads(json.dumps(values, default=str)))
