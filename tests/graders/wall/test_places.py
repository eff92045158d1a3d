"""The places of a solution that a failed test may name: exact for an ordinary one, few for any."""

from __future__ import annotations

import time

from graders.wall.places import PLACES, Places, places_of


def write(folder, **lines):
    """Python files of so many lines each; `deep__a` is `deep/a.py`."""
    for name, count in lines.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n" * (count - 1))
    return places_of(folder)


def test_an_ordinary_solution_is_told_line_by_line(tmp_path):
    places = write(tmp_path, solution=300, parts__loss=80)
    assert places.told("solution.py", 1) == "solution.py:1"
    assert places.told("solution.py", 300) == "solution.py:300"
    assert places.told("solution.py", 301) is None
    assert places.told("parts/loss.py", 80) == "parts/loss.py:80"
    assert places.told("parts/other.py", 1) is None


def test_two_files_of_a_thousand_lines_are_told_by_threes(tmp_path):
    # 2000 lines in steps of 2 would be 1000 places; in steps of 3 they are 2 * 334.
    places = write(tmp_path, solution=1000, other=1000)
    assert places.step == 3
    assert [places.told("solution.py", line) for line in (1, 2, 3, 4)] == [
        "solution.py near line 2", "solution.py near line 2", "solution.py near line 2", "solution.py near line 5",
    ]  # fmt: skip
    assert places.told("other.py", 1000) == "other.py near line 1000"  # the middle of its block is beyond its end


def test_a_group_s_own_file_has_places_before_any_library(tmp_path):
    places = write(tmp_path, solution=10, **{f"a__lib{number}": 10 for number in range(600)})
    assert len(places.lines) == PLACES // 2
    assert next(iter(places.lines)) == "solution.py"


def test_a_file_over_what_is_read_has_no_place_and_the_others_keep_theirs(tmp_path):
    (tmp_path / "pad.py").write_bytes(b"0\n" * 10**7)
    started = time.process_time()
    places = write(tmp_path, solution=10)
    assert time.process_time() - started < 0.5
    assert places == Places({"solution.py": 10}, 1)


def test_lines_end_as_python_ends_them(tmp_path):
    (tmp_path / "solution.py").write_bytes(b"a = 1\r\nb = 2\rc = 3\n")
    assert places_of(tmp_path).lines == {"solution.py": 4}


def test_a_solution_is_read_once(tmp_path):
    places = write(tmp_path, solution=10)
    assert places_of(tmp_path) is places
