"""`handout.json`: what a handout says about itself and about the marker, for `check` on a student's machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from assignments.errors import UserError
from assignments.folders import HANDOUT


@dataclass(frozen=True)
class RuntimeFacts:
    """What a framework's runtime offers a solution."""

    python: Annotated[str, Field(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}")]
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
    medmark: str = ""
    """The version of medmark that wrote the handout and marks what is handed in."""
    digest: str = ""
    """Of the assignment's folder, without what names or places patients."""
    runtimes: Mapping[str, RuntimeFacts] = field(default_factory=dict)
    """By framework."""
    cases: str = ""
    """What `data/` holds: drawn or shared cases, small cases or phantoms, or "none" where there is no `data/`; empty
    where an earlier medmark wrote it."""
    data: str = ""
    """SHA-256 of the archive of `data/`; empty where an earlier medmark wrote it."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each other file of the handout, by its path: an update sees which of them a group has edited. Empty
    where an earlier medmark wrote it."""
    starters: tuple[str, ...] = ()
    """Those of them that students write on."""

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
        return TypeAdapter(HandoutNote).validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))
    raise UserError(f"{path}: cannot be read ({reason}). Fetch the handout again.")
