"""Packages that a framework leaves out while a solution names none of them."""

import os
import sys

import pytest

from graders.wall.inside.unused import LARGEST, unused_left_out

NAMES = ("left_out_for_a_test", "wave")


@pytest.fixture(autouse=True)
def solution(tmp_path, monkeypatch):
    """A folder with a solution, and none of the packages imported before."""
    monkeypatch.setenv("MEDMARK_SOLUTION", str(tmp_path))
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "solution.py").write_text("import math\n")
    return tmp_path


def imports_wave():
    with unused_left_out(NAMES):
        try:
            import wave
        except ImportError:
            return False
    return wave is sys.modules["wave"]


def test_a_package_that_no_source_names_cannot_be_imported_and_can_afterwards():
    assert not imports_wave()
    import wave

    assert wave.open


@pytest.mark.parametrize("file", ["solution.py", "deep/er/part.py"])
def test_a_package_that_any_source_names_is_imported(solution, file):
    (solution / file).parent.mkdir(parents=True, exist_ok=True)
    (solution / file).write_text("def f():\n    from wave import open\n")
    assert imports_wave()


def test_only_sources_count(solution):
    (solution / "notes.txt").write_text("import wave\n")
    assert not imports_wave()


def test_a_source_too_large_to_read_may_name_any_package(solution):
    (solution / "solution.py").write_bytes(b"#" * LARGEST)
    assert imports_wave()


def test_a_pipe_in_place_of_a_source_is_not_opened(solution):
    os.mkfifo(solution / "pipe.py")
    assert not imports_wave()


def test_a_package_that_is_imported_already_stays(monkeypatch):
    import wave

    assert imports_wave()
    assert sys.modules["wave"] is wave


def test_without_a_solution_nothing_is_left_out(monkeypatch):
    monkeypatch.delenv("MEDMARK_SOLUTION")
    assert imports_wave()
