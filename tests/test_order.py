"""Long files begin first where several processes share the tests."""

import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("tests_conftest", ROOT / "tests/conftest.py")
conftest = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(conftest)


def test_each_long_file_is_there():
    assert [file for file in conftest.LONG if not (ROOT / file).is_file()] == []
    assert len(set(conftest.LONG)) == len(conftest.LONG)


def test_long_files_come_first_in_their_order_and_the_others_as_they_were():
    files = ["tests/test_words.py", "tests/reports/test_needs.py", conftest.LONG[2], conftest.LONG[1]]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:xdist", "-o", "addopts=-q", *files]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    nodes = [line.partition("::")[0] for line in listed.splitlines() if "::" in line]
    assert list(dict.fromkeys(nodes)) == [conftest.LONG[1], conftest.LONG[2], *files[:2]]


def test_make_test_takes_the_files_in_this_order():
    """pytest-xdist begins with the files of most tests, unless it is told not to."""
    assert "AT_ONCE := -n 3 --dist loadfile --no-loadscope-reorder" in (ROOT / "Makefile").read_text(encoding="utf-8")
