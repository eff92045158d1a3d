"""The source lines that a failed test may name: exact in an ordinary solution, few in any."""

from __future__ import annotations

import time

from graders.wall.source_lines import NAMEABLE_LINES, SourceLines, source_lines_of


def write(folder, **lines):
    """Python files of so many lines each; `deep__a` is `deep/a.py`."""
    for name, count in lines.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n" * (count - 1))
    return source_lines_of(folder)


def test_the_lines_of_an_ordinary_solution_are_named_one_by_one(tmp_path):
    lines = write(tmp_path, solution=300, parts__loss=80)
    assert lines.describe("solution.py", 1) == "solution.py:1"
    assert lines.describe("solution.py", 300) == "solution.py:300"
    assert lines.describe("solution.py", 301) is None
    assert lines.describe("parts/loss.py", 80) == "parts/loss.py:80"
    assert lines.describe("parts/other.py", 1) is None


def test_two_files_of_a_thousand_lines_are_named_in_steps_of_three(tmp_path):
    # 2000 lines in steps of 2 would be 1000 names; in steps of 3 they are 2 * 334.
    lines = write(tmp_path, solution=1000, other=1000)
    assert lines.step == 3
    assert [lines.describe("solution.py", line) for line in (1, 2, 3, 4)] == [
        "solution.py near line 2", "solution.py near line 2", "solution.py near line 2", "solution.py near line 5",
    ]  # fmt: skip
    assert lines.describe("other.py", 1000) == "other.py near line 1000"  # the middle of its block is beyond its end


def test_a_file_of_the_group_is_named_before_any_library(tmp_path):
    lines = write(tmp_path, solution=10, **{f"a__lib{number}": 10 for number in range(600)})
    assert len(lines.lines) == NAMEABLE_LINES // 2
    assert next(iter(lines.lines)) == "solution.py"


def test_a_file_over_the_bytes_that_are_read_is_not_named_and_the_others_are(tmp_path):
    (tmp_path / "pad.py").write_bytes(b"0\n" * 10**7)
    started = time.process_time()
    lines = write(tmp_path, solution=10)
    assert time.process_time() - started < 0.5
    assert lines == SourceLines({"solution.py": 10}, 1)


def test_lines_end_as_python_ends_them(tmp_path):
    (tmp_path / "solution.py").write_bytes(b"a = 1\r\nb = 2\rc = 3\n")
    assert source_lines_of(tmp_path).lines == {"solution.py": 4}


def test_a_solution_is_read_once(tmp_path):
    lines = write(tmp_path, solution=10)
    assert source_lines_of(tmp_path) is lines
