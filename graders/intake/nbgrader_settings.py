"""What nbgrader_config.py says of a course's folders and gradebook. It is the instructor's Python, and is not run.

Only a plain text is recognised, as in `c.CourseDirectory.submitted_directory = "handed_in"`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from assignments.errors import UserError, shell_word

CONFIG: Final = "nbgrader_config.py"
STRUCTURE: Final = "{nbgrader_step}/{student_id}/{assignment_id}"
SQLITE: Final = "sqlite:///"


@dataclass(frozen=True)
class NbgraderSettings:
    """Settings of nbgrader's CourseDirectory, by its own names and with its defaults."""

    source_directory: str = "source"
    release_directory: str = "release"
    submitted_directory: str = "submitted"
    autograded_directory: str = "autograded"
    directory_structure: str = STRUCTURE
    db_url: str = SQLITE + "gradebook.db"
    unread: tuple[str, ...] = ()
    """Settings that are computed, so that nobody knows them without running the file: each with its line."""

    def gradebook(self, course: Path) -> Path:
        """The file of the gradebook.

        Raises:
            UserError: it is in a database of another kind.
        """
        if not self.db_url.startswith(SQLITE):
            kind = self.db_url.partition(":")[0]
            raise UserError(
                f"{course / CONFIG}: the gradebook is in {kind}, and only a file of SQLite's is read. Copy it into a "
                "file of SQLite's, and set c.CourseDirectory.db_url to that"
            )
        return course / self.db_url.removeprefix(SQLITE)


def settings_of(course: Path) -> NbgraderSettings:
    """The settings of a course; nbgrader's defaults where there is no file.

    Raises:
        UserError: the file is not Python, or gives the folders another structure.
    """
    path = course / CONFIG
    if not path.is_file():
        return NbgraderSettings()
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read as Python ({type(error).__name__}): python {shell_word(path)} shows why"
        ) from None
    names = {field.name for field in fields(NbgraderSettings)} - {"unread"}
    texts: dict[str, str] = {}
    unread: dict[str, str] = {}
    for name, value, line in _settings(tree):
        if name in names:
            texts.pop(name, None), unread.pop(name, None)
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                texts[name] = value.value
            else:
                unread[name] = f"{path}, line {line}: {name} is computed, so nbgrader's default counts"
    settings = NbgraderSettings(**texts, unread=tuple(unread.values()))
    if settings.directory_structure != STRUCTURE or "directory_structure" in unread:
        raise UserError(f"{path}: only folders that lie as nbgrader lays them by default are read, {STRUCTURE}")
    return settings


def _settings(tree: ast.Module) -> Iterator[tuple[str, ast.expr, int]]:
    """(name, value, line) of every assignment to `c.CourseDirectory.NAME`, in its order."""
    assignments = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    for node in assignments:
        for target in node.targets:
            match target:
                case ast.Attribute(attr=name, value=ast.Attribute(attr="CourseDirectory")):
                    yield name, node.value, node.lineno
