"""Work that groups have in common is listed for staff, whatever it is called, and what was handed out is not."""

from __future__ import annotations

import pytest

from graders.intake.copies import EqualWork, equal_work
from tests.graders.intake.test_collect import SOLUTION, Hall

OWN = {"solution.py": SOLUTION + "def fit():\n    return 1\n"}
WEIGHTS = bytes(range(256)) * 8


@pytest.fixture
def hall(tmp_path):
    hall = Hall(tmp_path, ("g1", "g2", "g3"))
    yield hall
    hall.ledger.close()


def handed_in(hall, *repositories, only=()):
    for group, files in zip(("g1", "g2", "g3"), repositories, strict=True):
        hall.push(files, group)
    hall.collect("11:00")
    return hall.submissions("11:30", only)


def test_equal_folders_are_flagged_on_both_sides_and_on_no_other(hall):
    submissions = handed_in(hall, OWN, OWN, {"solution.py": SOLUTION + "x = 1\n"})
    assert equal_work(submissions) == (EqualWork("the whole folder", ("g1", "g2")),)
    assert [submission.flags for submission in submissions] == [
        ("the whole folder equals that of g2",), ("the whole folder equals that of g1",), (),
    ]  # fmt: skip


def test_a_solution_set_out_otherwise_beside_another_file_is_the_same(hall):
    spaced = {"solution.py": OWN["solution.py"].replace("    ", "\t").replace("\n", "\r\n"), "notes.txt": "mine"}
    assert equal_work(handed_in(hall, OWN, spaced, {"a.py": ""})) == (EqualWork("solution.py", ("g1", "g2")),)


def test_equal_weights_under_another_name_are_the_same_but_small_ones_may_be(hall):
    first = {"solution.py": SOLUTION + "x = 1\n", "weights/a.pt": WEIGHTS, "weights/small": b"{}"}
    second = {"solution.py": SOLUTION + "x = 2\n", "weights/b/c.pt": WEIGHTS}
    three = {"solution.py": SOLUTION + "x = 3\n", "weights/small": b"{}"}
    assert equal_work(handed_in(hall, first, second, three)) == (EqualWork("a file of weights", ("g1", "g2")),)


def test_the_starter_and_what_came_with_it_are_everybodys(hall):
    (hall.folder / "coursework/starter/weights").mkdir()
    (hall.folder / "coursework/starter/weights/backbone.pt").write_bytes(WEIGHTS)
    first = {"solution.py": SOLUTION + "x = 1\n", "weights/backbone.pt": WEIGHTS}
    second = {"solution.py": SOLUTION + "x = 2\n", "weights/backbone.pt": WEIGHTS}
    assert equal_work(handed_in(hall, first, second, {"solution.py": SOLUTION})) == ()


def test_untouched_starters_are_not_copies(hall):
    assert equal_work(handed_in(hall, *[{"solution.py": SOLUTION}] * 3)) == ()


def test_one_group_alone_has_nothing_in_common(hall):
    (submission,) = handed_in(hall, OWN, OWN, OWN, only=["g1"])
    assert submission.flags == ()
