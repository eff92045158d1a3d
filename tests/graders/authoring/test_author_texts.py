"""Which numbers in an author's text reveal what a hidden test expects."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from assignments.load import hidden_tests, load
from assignments.misconceptions import Misconception
from graders.authoring.author_texts import AuthorTexts, private_numbers, revealed
from graders.authoring.bench import opener

GROUPS = Path(__file__).parents[2] / "example_groups"


def expecting(*values):
    return np.array(values, float)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("divide by n along axis 1, not 2 times", ()),
        ("it should be 0.693", ("0.693",)),
        ("it should be 0.693.", ("0.693",)),
        ("two thirds: 2/3, which is 67 %", ("2/3", "67 %")),
        ("-1.5 and 3e-5 and 12", ("-1.5", "3e-5", "12")),
        ("float16, x2, test_12, 3D, v1.2.3", ()),
        ("0/0", ()),
        ("0.5 stands in the brief", ()),
    ],
)
def test_the_numbers_of_a_text_that_are_not_public(text, numbers):
    assert private_numbers(text, "A threshold of 0.5 (or 50 %).") == numbers


@pytest.mark.parametrize(
    ("word", "is_revealed"),
    [("0.693", True), ("0.69", True), ("0.694", False), ("69 %", True), ("70 %", False), ("12.5", False), ("1/3", True),
     ("30", True), ("31", False)],
)  # fmt: skip
def test_a_number_is_revealed_if_it_is_expected_to_its_digits_with_every_draw(word, is_revealed):
    first, second = expecting(np.log(2), 12.5, 1 / 3, 30), expecting(np.log(2), 13.5, 1 / 3, 30)
    assert revealed([word], first, second) == ((word,) if is_revealed else ())


def test_of_one_comparison_every_number_counts_and_of_none_no_number():
    assert revealed(["12.5"], expecting(12.5), None) == ("12.5",)
    assert revealed(["12.5"], None, None) == ()
    assert revealed(["12.5"], expecting(12.5), expecting(12.5, 1.0)) == ()  # of another shape: it is drawn


HINTS = '''
from assignments.testing import close as compare


@pytest.mark.points(2)
def test_dynamic(student, rng):
    """`scale` centres columns."""
    x = rng.normal(size=(5, 2))
    assert compare(student.scale(x), x - x.mean(0) + 1, hint=f"the first is {x[0, 0]:.3f}")


@pytest.mark.points(2)
def test_constant(student):
    """`loss` is the mean absolute difference."""
    assert compare(student.loss(np.array([EXPECTED, 0.0]), np.zeros(2)), EXPECTED / 2 + 1, hint="nearly 1.3696, not 25")
'''


def test_a_real_rehearsal_sees_the_drawn_hint_and_the_constant_one(tmp_path):
    """The loader cannot see through another name for `close`; the rehearsal reads what students would."""
    folder = shutil.copytree(GROUPS / "assignment", tmp_path / "tiny")
    path = folder / "hidden_tests/test_tiny.py"
    path.write_text(path.read_text(encoding="utf-8") + HINTS, encoding="utf-8")
    settings = folder / "assignment.toml"
    settings.write_text(
        settings.read_text().replace("points = 10", "points = 14").replace("points = 90", "points = 86")
    )
    assignment = load(folder)
    tests = {test.id: test for test in hidden_tests(assignment)}
    dynamic, constant = (f"test_tiny.py::test_{name}" for name in ("dynamic", "constant"))
    mistake = Misconception.model_validate(
        {"id": "adds", "title": "Adds", "told": "Add nothing.", "edits": [{"find": "x", "replace": "y"}],
         "fails": [dynamic, constant]}
    )  # fmt: skip
    texts = AuthorTexts(assignment, tests)
    with opener(assignment)("numpy") as bench:
        failed = bench.check(GROUPS / "perfect", [dynamic, constant])
        assert {result.verdict for result in failed.values()} == {"failed"}
        unwritten = list(texts.unwritten(failed.items()))
        revealing = [
            number.gap()
            for number in texts.revealing(
                [(mistake, failed)], lambda _, test, draw: bench.expected(GROUPS / "perfect", test, draw)
            )
        ]
        assert bench.expected(GROUPS / "perfect", "test_tiny.py::test_scale", 0) is None
    assert [(gap.about, gap.need) for gap in unwritten] == [(dynamic, "every assignment")]
    assert "what does not stand in its file: 'the first is " in unwritten[0].what
    assert [str(gap) for gap in revealing] == [
        f"{constant}: its hint names 1.3696, which it expects whatever is drawn; "
        "say it without the value: students read the hint"
    ]
