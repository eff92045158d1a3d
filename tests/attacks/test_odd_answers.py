"""Class S: answers that are empty, too wide or of another kind, and predictions that need no knowledge of a label.

The real encoder of the sandbox, the real decoder, types, hidden tests and scoring, without a container: what is tried
here is what crosses the wall. Each control is a comparison or a scorer as it is usually written.
"""

import datetime
import math
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from assignments.assignment import Limits
from assignments.interface import read_interface
from graders.asking.check import CodeTests, run_tests
from graders.wall.session import Session
from tests.attacks.scripted_target import HIDDEN, scored, true_class
from tests.scripted import ScriptedChannel, Student

INTERFACE = """
from typing import Annotated
import numpy as np
from jaxtyping import Bool, Float
from assignments.interface import Range
def doubled(x: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]: ...
def share() -> Annotated[float, Range(0, 1)]: ...
def count() -> int: ...
def inside() -> Bool[np.ndarray, "3"]: ...
"""
TESTS = """
import numpy as np
from assignments.testing import close
X = np.array([1.0, 2.0, 4.0])
def test_doubled(student):
    assert close(student.doubled(X), 2 * X)
def test_share(student):
    assert abs(student.share() - 0.25) < 1e-9
def test_count(student):
    assert student.count() == 7
def test_inside(student):
    assert (student.inside() == [True, False, True]).all()
"""
X = np.array([1.0, 2.0, 4.0])


class Text(str):
    pass


class Seven(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


def all_of(answer, expected):
    return all(bool(a == e) for a, e in zip(np.atleast_1d(answer), np.atleast_1d(expected), strict=False))


def within(answer, expected):
    return not np.any(np.abs(np.asarray(answer, float) - expected) > 1e-9)


def close(answer, expected):
    return bool(np.allclose(np.asarray(answer).astype(float), expected))


def equal(answer, expected):
    return bool(np.all(answer == expected))


NOT_AN_ANSWER = [
    ("doubled", "nothing", np.zeros(0), all_of),
    ("doubled", "nothing of two dimensions", np.zeros((0, 3)), close),
    ("doubled", "one number for all", np.array([2.0]), all_of),
    ("doubled", "a table of (n, n)", np.tile(2 * X, (3, 1)), close),
    ("doubled", "a column of (n, 1)", (2 * X)[:, None], all_of),
    ("doubled", "NaN", np.full(3, math.nan), within),
    ("doubled", "infinity", np.full(3, math.inf), lambda a, e: bool((a >= e).all())),
    ("doubled", "complex", 2 * X + 1j, lambda a, e: close(a.real, e)),
    ("doubled", "objects", np.array([2, 4, 8], object), equal),
    ("doubled", "whole numbers", np.array([2, 4, 8]), equal),
    ("doubled", "masked", np.ma.masked_all(3), lambda a, e: bool(np.ma.allclose(a, e))),
    ("doubled", "text", np.array(["2.0", "4.0", "8.0"]), close),
    ("doubled", "records", np.array([(2.0,), (4.0,), (8.0,)], [("x", "f8")]), lambda a, e: close(a["x"], e)),
    ("doubled", "dates", np.array([2, 4, 8], "M8[D]"), lambda a, e: close(a.astype(int), e)),
    ("doubled", "a list", [2.0, 4.0, 8.0], close),
    ("doubled", "float16 beyond its range", np.full(3, math.inf, np.float16), lambda a, e: not (a < e).any()),
    ("share", "nothing", np.zeros(0), close),
    ("share", "NaN", math.nan, within),
    ("share", "NaN in an array", np.array(math.nan), within),
    ("share", "many", np.full(9, 0.25), close),
    ("share", "truth", True, lambda a, e: a >= e),
    ("share", "text", "0.25", lambda a, e: float(a) == e),
    ("share", "text of infinity", "1e999", lambda a, e: float(a) >= e),
    ("share", "another class's text", Text("0.25"), lambda a, e: float(a) == e),
    ("share", "complex", 0.25 + 0j, equal),
    ("share", "a fraction", Fraction(1, 4), equal),
    ("share", "a decimal", Decimal("0.25"), equal),
    ("share", "a time", datetime.timedelta(seconds=0.25), lambda a, e: a.total_seconds() == e),
    ("share", "minus nothing", -0.0, lambda a, e: a <= e),
    ("share", "the smallest number", 5e-324, lambda a, e: a <= e),
    ("share", "beyond its range", 1e300, lambda a, e: a >= e),
    ("share", "a set", {0.25}, lambda a, e: e in a),
    ("share", "a function", len, lambda a, e: a is not None),
    ("count", "truth", True, lambda a, e: bool(a)),
    ("count", "a float", 7.0, equal),
    ("count", "text", "7", lambda a, e: int(a) == e),
    ("count", "a class of its own", Seven(0), equal),
    ("count", "beyond 64 bits", 7 + 2**64, lambda a, e: np.array(a % 2**64) == e),
    ("count", "one number in a list", [7], all_of),
    ("count", "one number in an array", np.array([7]), equal),
    ("inside", "numbers", np.array([1, 0, 1]), equal),
    ("inside", "nothing", np.zeros(0, bool), all_of),
    ("inside", "one truth for all", np.array([True]), all_of),
    ("inside", "the same, upright", np.array([[True], [False], [True]]), all_of),
]  # fmt: skip
EXPECTED = {"doubled": 2 * X, "share": 0.25, "count": 7, "inside": np.array([True, False, True])}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    (folder / "interface.py").write_text(INTERFACE)
    (folder / "hidden_tests").mkdir()
    (folder / "hidden_tests" / "test_odd.py").write_text(TESTS)
    return folder


def judged(folder, function, answer):
    """The document of the hidden test of one function."""
    solution = {function: lambda *_: answer}
    with ScriptedChannel(Student(solution)) as channel:
        session = Session(channel, Limits())
        session.begin()
        code_tests = CodeTests("odd", folder / "hidden_tests", read_interface(folder / "interface.py"), Limits(), b"s")
        name = f"test_odd.py::test_{function}"
        return run_tests(session, code_tests, [name])[name]


RIGHT = {"doubled": 2 * X, "share": 0.25, "count": 7, "inside": np.array([True, False, True])}


@pytest.mark.parametrize("function", RIGHT)
def test_the_right_answer_passes(folder, function):
    assert judged(folder, function, RIGHT[function]).verdict == "passed"


@pytest.mark.attack("S02", f"{len(NOT_AN_ANSWER)} answers that are empty, broadcast, not finite or of another kind")
def test_no_answer_of_another_shape_or_kind_passes_a_hidden_test(attack, folder):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fooled = [bool(naive(answer, EXPECTED[function])) for function, _, answer, naive in NOT_AN_ANSWER]
    attack.fired(all(fooled), f"{len(fooled)} comparisons as usually written take them for right")
    docs = {(function, what): judged(folder, function, answer) for function, what, answer, _ in NOT_AN_ANSWER}
    attack.came_to(f"{sum(doc.verdict == 'passed' for doc in docs.values())} of {len(docs)} passed")
    assert {key: doc.evidence for key, doc in docs.items() if doc.verdict != "failed"} == {}


# Predictions: the target's own criterion


def certain(x):
    """Which is the one case that the group knows for certain."""
    return x[:, 1] == HIDDEN.inputs["x"][0, 1]


def coerced(answer, y):
    """Accuracy by a scorer that makes numbers of whatever it gets."""
    return float(((np.asarray(answer).reshape(-1).astype(complex).real > 0.5) == y[: np.size(answer)]).mean())


def nan_ignored(answer, y):
    right = np.where(np.isnan(answer), math.nan, (np.asarray(answer) > 0.5) == y)
    return float(np.nanmean(right))


def pairwise(answer, y):
    return float(np.mean([(p > 0.5) == t for p, t in zip(answer, y, strict=False)]))


def not_below(answer, y):
    return 1.0 if not np.mean(np.abs(np.asarray(answer, float) - y)) > 0.1 else 0.0


def soft_dice(answer, y):
    answer = np.asarray(answer, float)
    return float(2 * (answer * y).sum() / (answer.sum() + y.sum()))


def rank_auc(answer, y):
    """AUC from ranks, ties broken by position, over files listed class by class."""
    y = np.sort(y)
    rank = np.argsort(np.argsort(np.asarray(answer), kind="stable"), kind="stable") + 1
    ones = y.sum()
    return float((rank[y == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(y) - ones)))


def lying(x):
    return 800.0 * true_class(x) - 399.0


TRICKS = [
    ("NaN everywhere", lambda x: {"prob": np.full(len(x), math.nan)}, not_below, 0.0),
    ("NaN but for one case", lambda x: {"prob": np.where(certain(x), true_class(x), math.nan)}, nan_ignored, 0.25),
    ("one certain case only", lambda x: {"prob": true_class(x)[certain(x)]}, pairwise, 0.25),
    ("nothing at all", lambda x: {"prob": np.zeros(0)}, lambda p, y: float(not np.mean(p == y[:0]) < 0.9), 0.0),
    ("a constant score", lambda x: {"prob": np.full(len(x), 0.5)}, rank_auc, 0.5),
    ("a column", lambda x: {"prob": true_class(x)[:, None]}, coerced, 0.0),
    ("no dimension", lambda x: {"prob": np.array(1.0)}, lambda p, y: coerced(p, np.sort(y)[::-1]), 0.0),
    ("a thousand for 1", lambda x: {"prob": 1e6 * true_class(x)}, soft_dice, 0.5),
    ("one large negative number", lambda x: {"prob": lying(x)}, coerced, 0.0),
    ("truth values", lambda x: {"prob": true_class(x) > 0}, coerced, 0.0),
    ("whole numbers", lambda x: {"prob": true_class(x).astype(int)}, coerced, 0.0),
    ("complex", lambda x: {"prob": true_class(x) + 1j}, coerced, 0.0),
    ("objects", lambda x: {"prob": true_class(x).astype(object)}, coerced, 0.0),
    ("masked", lambda x: {"prob": np.ma.masked_array(true_class(x), mask=False)}, coerced, 0.0),
    ("text", lambda x: {"prob": true_class(x).astype(str)}, coerced, 0.0),
    ("a list", lambda x: {"prob": true_class(x).tolist()}, coerced, 0.0),
    ("long doubles", lambda x: {"prob": true_class(x).astype(np.longdouble)}, coerced, 0.0),
    ("float16 beyond its range", lambda x: {"prob": np.float16(65504) * 4 * true_class(x)}, coerced, 0.0),
    ("another name", lambda x: {"probability": true_class(x)}, lambda p, y: coerced(p, y), 0.0),
    ("a name too many", lambda x: {"prob": true_class(x), "score": 1.0}, coerced, 0.0),
    ("an array instead of names", true_class, coerced, 0.0),
]


@pytest.mark.attack("S02", f"{len(TRICKS)} predictions that are not finite, too few, out of range or of another kind")
def test_no_trick_with_predictions_earns_a_point(attack, tmp_path):
    x, y = HIDDEN.inputs["x"], HIDDEN.truth
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        controls = {}
        for what, trick, scorer, _ in TRICKS:
            answer = trick(x)
            controls[what] = scorer(next(iter(answer.values())) if isinstance(answer, dict) else answer, y)
        got = {what: scored(tmp_path, trick) for what, trick, _, _ in TRICKS}
    fooled = [what for what, number in controls.items() if number > 0.9]
    allowed = {what: most for what, _, _, most in TRICKS}
    attack.fired(len(fooled) == len(TRICKS), f"{len(fooled)} score over 0.9 with scorers as usually written")
    attack.came_to(f"best score {max(got.values()):g}, where 0.5 earns nothing")
    assert scored(tmp_path, lambda x: {"prob": true_class(x)}) == 1.0
    assert {what: number for what, number in got.items() if number > allowed[what]} == {}
