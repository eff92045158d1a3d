"""A solution's file is read as Python reads it: what Python would run is read, and what it would not is reported."""

from __future__ import annotations

import codecs
import subprocess
import sys
import time

import pytest

from graders.intake.source import PARSED_BYTES, read_source, source_of

LINE = 'FRAMEWORK = "pytorch"\n'


@pytest.mark.parametrize(
    ("text", "framework"),
    [
        (LINE, "pytorch"),
        ("import os\nFRAMEWORK='tensorflow'  # of the group\r\n", "tensorflow"),
        ('FRAMEWORK: str = "numpy"', "numpy"),
        ('FRAMEWORK: Final[str] = "numpy"', "numpy"),
        ('FRAMEWORK: "Final" = ("numpy")  # of the group', "numpy"),
        ('FRAMEWORK   =\t(\n    "numpy"\n)\n', "numpy"),
        ('NAME = FRAMEWORK = "numpy"', "numpy"),
        ('FRAMEWORK = "numpy"; import os', "numpy"),
        (LINE + LINE, "pytorch"),
        (LINE + 'FRAMEWORK = "tensorflow"\n', None),
        ('FRAMEWORK = "py" + "torch"', None),
        ("FRAMEWORK = name", None),
        ('    FRAMEWORK = "pytorch"', None),
        ('MY_FRAMEWORK = "pytorch"', None),
        (f'"""Write\n\n{LINE}"""\n', None),
        (f"if False:\n    {LINE}", None),
        (f"def f():\n    {LINE}", None),
        ('FRAMEWORK = "' + "x" * 41 + '"', None),
        ('FRAMEWORK = "a\\u202eb"', None),
        ("", None),
    ],
)
def test_the_framework_is_a_text_that_the_module_itself_gives(text, framework):
    assert source_of(text.encode()).framework == framework


def runs(path):
    """The framework by Python itself, run in a process of its own."""
    code = f"import runpy; print(runpy.run_path({str(path)!r}).get('FRAMEWORK'))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout.strip()


NAMED = 'nom = "café"\n' + LINE


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + LINE.encode(),
        codecs.BOM_UTF8 + b'"""A solution."""\n' + LINE.encode(),
        codecs.BOM_UTF8 + b"# coding: utf-8\n" + NAMED.encode(),
        LINE.replace("\n", "\r\n").encode(),
        b"import os\r" + LINE.replace("\n", "\r").encode() + b"x = 1\r",
        b"# -*- coding: latin-1 -*-\n" + NAMED.encode("latin-1"),
        b"#!/usr/bin/env python\n# vim: set fileencoding=cp1252 :\n" + NAMED.encode("cp1252"),
        b"# coding: gbk\n" + 'nom = "数据"\n'.encode("gbk") + LINE.encode(),
        b"# coding: shift_jis\r" + 'nom = "表"\r'.encode("shift_jis") + LINE.encode(),
    ],
)
def test_what_python_runs_is_read_alike(tmp_path, data):
    path = tmp_path / "solution.py"
    path.write_bytes(data)
    assert runs(path) == "pytorch"  # the control
    source = read_source(path)
    assert (source.framework, source.problem) == ("pytorch", None)
    assert source.tree is not None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (LINE.encode("utf-16"), "solution.py is stored as UTF-16, which Python does not read: save it"),
        (LINE.encode("utf-16-le"), "solution.py is stored as UTF-16"),
        (LINE.encode("utf-16-be"), "solution.py is stored as UTF-16"),
        (LINE.encode("utf-32"), "solution.py is stored as UTF-32"),
        (NAMED.encode("latin-1"), "solution.py is stored neither as UTF-8 nor as its coding line says: save it"),
        (b"# coding: nonsense\n" + LINE.encode(), "stored neither as UTF-8 nor as its coding line says"),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n" + LINE.encode(), "nor as its coding line says"),
        (LINE.encode() + b"x = \0\n", "cannot be read as Python: it holds a null byte"),
        (LINE.encode() + b"def f(:\n", "cannot be read as Python (line 2): SyntaxError"),
        (LINE.encode() + b"x = 1" + b"+1" * 20_000, "cannot be read as Python: RecursionError"),
        (LINE.encode() + b"x = " + b"-" * 20_000 + b"1", "cannot be read as Python"),
    ],
)
def test_what_python_does_not_read_is_reported(data, problem):
    source = source_of(data)
    assert problem in source.problem
    assert source.tree is None


@pytest.mark.parametrize("line", [LINE, 'FRAMEWORK: Final[str] = ("pytorch")  # x\r\n', LINE.replace("\n", "\r")])
def test_where_a_file_does_not_parse_its_lines_are_searched(line):
    assert source_of(codecs.BOM_UTF8 + line.encode() + b"print 1\n").framework == "pytorch"


def test_a_large_file_is_searched_by_lines_and_no_problem():
    source = source_of(LINE.encode() + b"x = 1\n" * (PARSED_BYTES // 6))
    assert (source.framework, source.tree, source.problem) == ("pytorch", None, None)


def test_an_encoding_whose_decoding_takes_the_square_of_a_length_is_not_decoded():
    data = b"# coding: punycode\n" + LINE.encode()
    assert "nor as its coding line says" in source_of(data).problem


def test_what_runs_only_as_a_script_is_no_part_of_the_tree():
    source = source_of(LINE.encode() + b'if __name__ == "__main__":\n    import pandas\n')
    assert len(source.tree.body) == 1


@pytest.mark.parametrize("line", ["FRAMEWORK =" + " " * 40_000 + "x", LINE[:-1] + " " * 40_000 + "x"])
def test_a_line_of_blanks_in_a_file_that_does_not_parse_takes_no_time(line):
    before = time.process_time()
    assert source_of(f"(\n{line}\n".encode()).framework is None
    assert time.process_time() - before < 1  # the square of its length is half a minute
