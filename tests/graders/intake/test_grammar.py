"""A student whose Python is newer than the marker's learns which line the marker cannot read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graders.intake.grammar import newer_f_string, newer_syntax
from tests.rooms import ROOT

FIELD = [("FSTRING_START", 'f"', 1), ("OP", "{", 1)]
END = [("OP", "}", 1), ("FSTRING_END", '"', 1)]


@pytest.mark.parametrize(
    "inside",
    [
        [("NAME", "d", 1), ("OP", "[", 1), ("STRING", '"a"', 1), ("OP", "]", 1)],
        [("STRING", "'\\n'", 1), ("OP", ".", 1), ("NAME", "join", 1)],
        [("NL", "\n", 1), ("NUMBER", "1", 2)],
        [("NUMBER", "1", 1), ("COMMENT", "# one", 1)],
        [("FSTRING_START", 'f"', 1), ("FSTRING_MIDDLE", "x", 1), ("FSTRING_END", '"', 1)],
    ],
    ids=["own quotes", "backslash", "line break", "comment", "f-string in own quotes"],
)
def test_an_f_string_that_only_python_3_12_reads_is_found_by_its_tokens(inside):
    assert newer_f_string([*FIELD, *inside, *END]) is not None


@pytest.mark.parametrize(
    "tokens",
    [
        [*FIELD, ("NAME", "d", 1), ("OP", "[", 1), ("STRING", "'a'", 1), ("OP", "]", 1), *END],
        [*FIELD, ("NAME", "x", 1), ("OP", ":", 1), ("FSTRING_MIDDLE", ">", 1), ("OP", "{", 1), ("OP", "}", 1), *END],
        [("FSTRING_START", 'f"', 1), ("FSTRING_MIDDLE", "a\\nb", 1), ("FSTRING_END", '"', 1), ("COMMENT", "# x", 1)],
        [("FSTRING_START", 'f"""', 1), ("OP", "{", 1), ("STRING", '"a"', 1), ("OP", "}", 1), ("FSTRING_END", '"""', 1)],
        [("STRING", '"\\n"', 1), ("NL", "\n", 1)],
    ],
    ids=["other quotes", "format", "backslash in the text", "three quotes", "no f-string"],
)
def test_an_f_string_that_python_3_11_reads_too_is_not(tokens):
    assert newer_f_string(tokens) is None


def test_the_markers_own_version_or_a_newer_one_is_no_problem(tmp_path):
    (tmp_path / "solution.py").write_text("match 1:\n    case 1:\n        pass\n")
    assert newer_syntax(tmp_path, ["solution.py"], sys.version_info[:2]) == []
    assert newer_syntax(tmp_path, ["solution.py"], (3, 99)) == []


def test_a_statement_that_an_older_marker_lacks_is_named_with_its_line(tmp_path):
    (tmp_path / "solution.py").write_text("try:\n    pass\nexcept* ValueError:\n    pass\n")
    (problem,) = newer_syntax(tmp_path, ["solution.py"], (3, 10))
    assert re.match(r"solution\.py:[34]: the marker has Python 3\.10, which does not read this line", problem)


SOURCES = {
    'x = f"{d["a"]}"': 1, "type X = int": 1, "y = 1\ndef f[T](x: T): ...": 2, "class A[T]: ...": 1,
    "x = f\"{'\\n'.join(a)}\"": 1, 'x = f"{\n1\n}"': 1, "x = f'{f'{a}'}'": 1,
    'x = f"{d[\'a\']}"': None, 'x = f"""{d["a"]}"""': None, 'x = f"a\\n{b!r:>{w}}"': None, "x = 1": None,
    'x = f"{x=}" f\'{y}\' "{"': None, "x = rf'\\d{y}'": None,
}  # fmt: skip


def newer_pythons():
    """Interpreters of 3.12 and newer on this machine."""
    versions = ("3.12", "3.13", "3.14")
    homes = [Path(sys.base_prefix).parent.glob(f"{version}*/bin/python") for version in versions]
    listed = [
        *(str(path) for home in homes for path in home),
        *filter(None, (shutil.which(f"python{v}") for v in versions)),
    ]
    return [python for python in listed if subprocess.run([python, "-c", ""], check=False).returncode == 0]


@pytest.mark.skipif(not newer_pythons(), reason="this machine has no Python 3.12 or newer")
def test_every_newer_python_finds_the_same_lines():
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from graders.intake.grammar import _line_too_new\n"
        f"sources = {SOURCES!r}\n"
        "assert sys.version_info >= (3, 12)\n"
        "print({s: _line_too_new(s + '\\n', (3, 11)) for s in sources} == sources or "
        "[(s, _line_too_new(s + '\\n', (3, 11))) for s in sources])\n"
    )
    for python in newer_pythons():
        done = subprocess.run([python, "-c", script, str(ROOT)], capture_output=True, text=True, check=False)
        assert done.stdout == "True\n", (python, done.stdout, done.stderr)
