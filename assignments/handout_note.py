"""`handout.json`: what a handout says about itself and about the marker, for `check` on a student's machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from assignments.errors import UserError
from assignments.folders import HANDOUT


@dataclass(frozen=True)
class RuntimeFacts:
    """What a framework's runtime offers a solution."""

    python: str
    """Its version of Python, such as `3.11`."""
    packages: Mapping[str, str]
    """Each distribution's version."""
    modules: tuple[str, ...]
    """What can be imported beside Python's own modules."""

    @property
    def grammar(self) -> tuple[int, int]:
        """The version of Python as numbers."""
        major, minor = self.python.split(".")[:2]
        return int(major), int(minor)


@dataclass(frozen=True)
class HandoutNote:
    """What `handout.json` holds."""

    assignment: str
    medmark: str
    """The version of medmark that wrote the handout and marks what is handed in."""
    digest: str
    """Of the assignment's folder, without what names or places patients."""
    runtimes: Mapping[str, RuntimeFacts] = field(default_factory=dict)
    """By framework."""
    cases: str = ""
    """What `data/` holds: drawn or shared cases, small cases or phantoms; empty where an earlier medmark wrote it."""
    data: str = ""
    """SHA-256 of the archive of `data/`; empty where an earlier medmark wrote it."""

    def text(self) -> str:
        """The file's content."""
        return json.dumps(asdict(self), indent=2) + "\n"


def read_note(folder: Path) -> HandoutNote | None:
    """The note of a handout; None where there is none.

    Raises:
        UserError: it cannot be read.
    """
    path = folder / HANDOUT
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        runtimes = {name: _facts(facts) for name, facts in values.get("runtimes", {}).items()}
        texts = {name: str(values.get(name, "")) for name in ("medmark", "digest", "cases", "data")}
        return HandoutNote(values["assignment"], runtimes=runtimes, **texts)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: cannot be read ({error}). Fetch the handout again.") from error


def _facts(values: Mapping[str, Any]) -> RuntimeFacts:
    facts = RuntimeFacts(str(values["python"]), dict(values["packages"]), tuple(map(str, values["modules"])))
    assert facts.grammar  # else it cannot be read
    return facts
