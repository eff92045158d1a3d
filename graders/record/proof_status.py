"""The proof status of an assignment: its last complete rehearsal, stored in its folder, and whether it is still valid.

A mark's provenance holds the status. A catalogue assignment without a valid proof is not handed out.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assignments.assignment import Assignment
from assignments.cached import cached
from assignments.data.split import read_split
from assignments.derived.interface import INTERFACE, derives, interface_text
from assignments.digests import code_digest, digest_of, file_digest, source_digest
from assignments.files import replace_file
from assignments.folders import PROOFS, contract_file
from assignments.load import in_catalogue, own_files, references
from graders.record.calibration import CALIBRATION_FILE
from graders.record.patterns import PATTERNS_FILE, stored_patterns
from graders.record.rehearsal import Pattern, Rehearsal

REHEARSAL_FILE = f"{PROOFS}/rehearsal.json"
_OLDER_FILES = ("rehearsal.json", "calibration.json")
"""The proofs of medmark before it had the folder `proofs/`: nothing reads them."""
_NOT_READ = ("brief.md", REHEARSAL_FILE, *_OLDER_FILES)
"""Files that a rehearsal does not read."""
_SPLIT = "the split of the subjects"
_SECONDS = "the seconds that `trained` gets"
MOST_CHANGES = 3
"""Changed files that a line names."""


@dataclass(frozen=True)
class ProofStatus:
    """Whether an assignment is proven, by its stored rehearsal."""

    rehearsed_at: str | None
    """ISO time in UTC; None if it was never rehearsed."""
    fresh: bool
    """Whether everything that the rehearsal read is unchanged."""
    passed: bool
    gaps: tuple[str, ...]
    changed: tuple[str, ...] = ()
    """What has changed, is new or is gone since the rehearsal: names of files, and references."""

    @property
    def holds(self) -> bool:
        """Whether the assignment may be handed out."""
        return self.fresh and self.passed

    @property
    def why_not(self) -> str:
        """Why it may not be handed out; empty if it may."""
        if self.holds:
            return ""
        if self.fresh or self.rehearsed_at is None:
            return "; ".join(self.gaps)
        named, more = self.changed[:MOST_CHANGES], len(self.changed) - MOST_CHANGES
        files = ", ".join([*named, *([f"{more} more"] if more > 0 else [])])
        return f"changed since its rehearsal: {files}"

    def as_json(self) -> dict[str, Any]:
        """For the provenance of a mark."""
        return {
            "rehearsed_at": self.rehearsed_at,
            "fresh": self.fresh,
            "passed": self.passed,
            "gaps": list(self.gaps),
        }


def store_rehearsal(assignment: Assignment, rehearsal: Rehearsal) -> None:
    """Store a complete rehearsal in the assignment's folder, with the digest of all that it was computed from."""
    origins = rehearsal_origins(assignment)
    document = {
        "key": digest_of(**origins),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "passed": rehearsal.passed,
        "gaps": [str(gap) for gap in rehearsal.gaps],
        "computed_from": origins,
    }
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    replace_file(assignment.folder / REHEARSAL_FILE, text)


def proof_status(assignment: Assignment) -> ProofStatus:
    """The status by the stored rehearsal; one that is missing or cannot be read proves nothing.

    Interface and hidden tests are proven on the assignment's own cases, and stay so where a course sets others.
    """
    assignment = assignment.as_written
    try:
        document = json.loads((assignment.folder / REHEARSAL_FILE).read_text(encoding="utf-8"))
        origins = document["computed_from"]
        if document["key"] != digest_of(**origins):
            raise ValueError("it was edited, or merged from two")
        changed = changes(origins, rehearsal_origins(assignment))
        status = ProofStatus(document["at"], not changed, bool(document["passed"]), tuple(document["gaps"]), changed)
    except FileNotFoundError:
        why = "it has not been rehearsed"
        if (assignment.folder / _OLDER_FILES[0]).is_file():
            why += f" by this medmark, which reads {REHEARSAL_FILE} and no longer {_OLDER_FILES[0]}"
        return ProofStatus(None, fresh=False, passed=False, gaps=(why,))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ProofStatus(None, fresh=False, passed=False, gaps=(f"{REHEARSAL_FILE} cannot be read",))
    return status


def recorded_patterns(assignment: Assignment) -> tuple[Pattern, ...]:
    """The patterns of the misconceptions, as the last rehearsal saw them; none if anything changed since."""
    return stored_patterns(assignment) if proof_status(assignment).fresh else ()


def rehearsal_origins(assignment: Assignment) -> dict[str, dict[str, str]]:
    """Digests of what a rehearsal reads, by name: the folder without its texts, and the references of the catalogue.

    Of code, TOML and the proofs only the content counts, not the layout.
    """
    folder = assignment.folder
    files = {name: _digest(name, path) for name, path in own_files(assignment) if name not in _NOT_READ}
    elsewhere = references(assignment) if in_catalogue(folder) else {}
    split = read_split(assignment.split_file)
    derived = interface_text(assignment) if derives(assignment) else ""
    is_own = derived and (folder / INTERFACE).is_file() and (folder / INTERFACE).read_bytes() == derived.encode()
    return {
        "files": files,
        "references": {name: code_digest(path) for name, path in elsewhere.items()},
        # Of a file that declares everything, the digest is above.
        "derived": {} if not derived or is_own else {"the derived interface": source_digest(derived)},
        "contracts": _contracts(assignment) if assignment.contracts else {},
        "trained": {} if assignment.trained is None else {_SECONDS: digest_of(**assignment.trained.budgets)},
        # Its days change with each handout; a rehearsal reads the parts alone.
        "split": {} if split is None else {_SPLIT: digest_of(parts={row.subject: row.part for row in split.present})},
    }


def _contracts(assignment: Assignment) -> dict[str, str]:
    """Digests of the contracts that an assignment names, and of what all of them share."""
    shared = ("contract", "answers", "edits")
    return {f"contracts/{name}": code_digest(contract_file(name)) for name in (*shared, *assignment.contracts)}


def changes(before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """The names whose digests differ between two results of `rehearsal_origins`."""
    changed = []
    for group, digests in now.items():
        then = before.get(group, {})
        names = [name for name in sorted({*then, *digests}) if then.get(name) != digests.get(name)]
        changed += [f"the reference in {name}" for name in names] if group == "references" else names
    return tuple(changed)


def _digest(name: str, path: Path) -> str:
    if path.suffix == ".py":
        return code_digest(path)
    source = path.read_bytes()
    try:
        if path.suffix == ".toml":
            return str(cached("values of TOML, 1", source, _of_toml))
        if name == CALIBRATION_FILE:
            document = json.loads(source)
            scores = [document.get(name) for name in ("references", "baselines", "standard_error")]
            own = document.get("own_baselines")
            return digest_of(scores=[*scores, own] if own else scores)
        if name == PATTERNS_FILE:
            return digest_of(patterns=json.loads(source))
    except (ValueError, AttributeError):  # it cannot be read
        pass
    return file_digest(path)


def _of_toml(source: bytes) -> str:
    values = tomllib.loads(source.decode("utf-8"))
    return digest_of(toml=json.loads(json.dumps(values, default=str)))
