"""Commands in messages: whoever copies one into a shell gets what the message means."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from assignments.errors import shell_word
from tests.small_course import SOUND, medmark, write_course

ROOT = Path(__file__).resolve().parents[1]
FILES = [
    ROOT / "cli.py",
    *(path for room in ("assignments", "graders", "reports") for path in (ROOT / room).rglob("*.py")),
]
COMMAND = re.compile(
    r"(?:\bmedmark [a-z]+|\b(?:chmod|cp|rm|mv|head|ssh-keygen -t|python(?: -m \w+)?)|(?:^|\s)(?:-c|--data|--folder|>))"
    r"\s[^.:;`]*$"
)
FREE = re.compile(
    r"(?:^|[._])(?:folder|path|parent|root|out|key|home|member|requirement)$| / |\.members\[0\]\.id$|\bitem\.id$"
)
"""What may have spaces and signs in it: paths, ids of members and of tests, requirements. Other ids are words."""

WITH_CALIBRATION = {"assignments/data/split.py"}
"""It draws cases too: a change makes every stored calibration stale, hours of training. Mend it with the next one."""


def unquoted(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where such a word stands in a command of an f-string as it is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            before = ""
            for part in node.values:
                if isinstance(part, ast.Constant):
                    before += part.value
                elif isinstance(part, ast.FormattedValue):
                    source = ast.unparse(part.value)
                    is_quoted = source.startswith("shell_word(")
                    if COMMAND.search(before) and FREE.search(source) and not is_quoted:
                        yield node.lineno, f"{before[-40:]}{{{source}}}"
                    before += "X"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('f"medmark init {folder}"', 1),
        ('f"{x}: not proven: medmark rehearse {assignment.folder} --calibrate"', 1),
        ('f"chmod 600 {path}"', 1),
        ('f"-c {folder / name}"', 1),
        ('f"medmark explain {staff.id} {person.member}"', 1),
        ('f"medmark init {shell_word(folder)}"', 0),
        ('f"medmark does not read this: {path}"', 0),
        ('f"{path}: run medmark collect"', 0),
    ],
)
def test_a_free_word_in_a_command_is_seen(text, count):
    assert len(list(unquoted(ast.parse(text)))) == count


def test_every_free_word_of_a_command_is_in_quotes_where_a_shell_needs_them():
    seen: dict[str, list[tuple[int, str]]] = {}
    for path in FILES:
        if found := list(unquoted(ast.parse(path.read_text(encoding="utf-8")))):
            seen[path.relative_to(ROOT).as_posix()] = found
    assert seen.keys() == WITH_CALIBRATION, seen


@pytest.mark.parametrize("path", ["course", "/home/ada/MPHY0041", "My module", "it's", "a;b", "$HOME", "a\nb"])
def test_a_shell_takes_the_word_as_the_path(path):
    assert shlex.split(f"medmark grade {shell_word(Path(path))}") == ["medmark", "grade", path]


def test_the_commands_of_a_course_whose_folder_has_a_space_can_be_typed(tmp_path):
    folder = tmp_path / "My module"
    shown = [line.strip() for line in medmark("init", folder).out.splitlines() if line.startswith("  medmark ")]
    assert len(shown) == 3
    assert [shlex.split(line)[-2:] for line in shown] == [["-c", str(folder)]] * 3


def test_the_next_command_of_a_course_whose_folder_has_a_space_does_what_it_says(tmp_path):
    course = write_course(tmp_path / "My module", {"ada": SOUND})
    said = medmark("grade", "halves", "-c", course, "--trust-submissions").err
    command = said[said.index("medmark collect") :].replace("\n", " ")
    _, *words = shlex.split(command)
    assert medmark(*words).code == 0
