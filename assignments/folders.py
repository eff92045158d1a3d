"""Finds the folders of assignments, the catalogue and the reference solutions. It opens none of their files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from assignments.errors import Problem, nearest
from assignments.this_user import expand_home
from assignments.toml_errors import TomlErrors

CATALOGUE = Path(__file__).parent / "catalogue"
REFERENCES = Path(__file__).parents[1] / "reference_solutions"
CONTRACTS = Path(__file__).parent / "contracts"
"""The tests that many assignments share; students' installs lack them."""
PROOFS = "proofs"
"""The folder that holds what medmark writes of an assignment's rehearsals and calibrations."""
HANDOUT = "handout.json"
"""A folder with this file is a handout: it holds no hidden files, and needs none."""


class AssignmentError(TomlErrors):
    """Every problem of an assignment's folder, file by file and line by line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__(problems)
        self.problems = tuple(sorted(self.problems, key=lambda problem: problem.file))
        self.args = ("\n".join(str(problem) for problem in self.problems),)


def catalogue() -> tuple[str, ...]:
    """Ids of the assignments that medmark ships."""
    return tuple(sorted(path.parent.name for path in CATALOGUE.glob("*/assignment.toml")))


def in_catalogue(folder: Path) -> bool:
    """Whether medmark ships this folder, so that it must be complete and rehearsed."""
    return folder.resolve().parent == CATALOGUE.resolve()


def lacks_staff_files(folder: Path) -> bool:
    """Whether a folder of the catalogue came without the distribution medmark-staff: no hidden tests, no references."""
    return in_catalogue(folder) and not (folder / "hidden_tests").exists() and not (REFERENCES / folder.name).exists()


def contract_file(name: str) -> Path:
    """The path of a contract's test, whether or not there is such a contract."""
    return CONTRACTS / f"{name}.py"


def find(name_or_folder: str | Path, base: Path) -> Path:
    """The folder of a catalogue id, or of a path relative to `base`.

    Raises:
        AssignmentError: it is neither; the cure names the nearest id.
    """
    own = (base / expand_home(name_or_folder)).resolve()
    if (own / "assignment.toml").is_file():
        return own
    name = str(name_or_folder)
    if name in catalogue():
        return CATALOGUE / name
    what = f'"{name}" is neither an assignment of the catalogue nor a folder with an assignment.toml'
    raise AssignmentError([Problem(str(own), "", None, what, nearest(name, catalogue()))])


def reference_path(folder: Path, framework: str) -> Path:
    """The path of the model answer in a framework, whether or not the file exists."""
    home = REFERENCES / folder.name if in_catalogue(folder) else folder / "reference"
    return home / f"solution_{framework}.py"
