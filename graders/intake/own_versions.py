"""What a student's machine has in another version than the marker: told in grey, since most of it does not matter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from assignments.assignment import Assignment, Framework
from assignments.handout_note import RuntimeFacts, read_note
from graders.version import medmark_version
from graders.wall.sandboxes.local import FRAMEWORK_PACKAGES


def versions_differ(framework: Framework, offered: RuntimeFacts) -> str:
    """One line about Python and the framework here and on the marker; empty if both are the same."""
    here, there = [], []
    own = ".".join(map(str, sys.version_info[:2]))
    if own != offered.python:
        here.append(f"Python {own}")
        there.append(f"Python {offered.python}")
    packages = FRAMEWORK_PACKAGES[framework]
    installed, locked = _first(packages, _installed), _first(packages, offered.packages.get)
    if installed and locked and _plain(installed[1]) != _plain(locked[1]):
        here.append(f"{installed[0]} {_plain(installed[1])}")
        there.append(f"{locked[0]} {_plain(locked[1])}")
    return f"here {' and '.join(here)}; the marker has {' and '.join(there)}" if here else ""


def other_medmark(assignment: Assignment) -> str:
    """A line if this medmark is not the version that wrote the handout; empty if it is, or if that is unknown."""
    note, here = read_note(assignment.folder), medmark_version()
    if note is None or not note.medmark or note.medmark == here:
        return ""
    return (
        f"this is medmark {here}, and the handout is of {note.medmark}: their checks may differ. Install that "
        "version, as the handout's README says, or fetch the handout again"
    )


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _first(packages: tuple[str, ...], of: Callable[[str], str | None]) -> tuple[str, str] | None:
    """The first of these packages that has a version, with it."""
    return next(((package, number) for package in packages if (number := of(package))), None)


def _plain(number: str) -> str:
    """A version without the name of its build: 2.13.0+cpu is 2.13.0."""
    return number.partition("+")[0]
