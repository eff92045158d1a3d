"""A rule has one home: a second copy of it is seen in the source, whatever its words, and drifts no more."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def sources():
    """(path from the root, text) of what runs on the host; an assignment's folder is content."""
    for package in ("assignments", "graders", "reports"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if not {"catalogue", "inside", "groups"} & set(path.parts):
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    yield "cli.py", (ROOT / "cli.py").read_text(encoding="utf-8")


def homes(holds):
    """The files with a comparison of which this is true."""
    return {path for path, nodes in comparisons() if any(map(holds, nodes))}


@cache
def comparisons():
    """(path from the root, its comparisons), of which alone the rules below speak."""
    every = ((path, ast.walk(ast.parse(text))) for path, text in sources())
    return [(path, [node for node in nodes if isinstance(node, ast.Compare)]) for path, nodes in every]


def of_ends(node):
    """Whether it compares ends of anchors: `.trivial` with `.ceiling`, or the first of some values with the last."""
    if not isinstance(node, ast.Compare) or len(node.comparators) != 1:
        return False
    sides = [ast.unparse(side) for side in (node.left, node.comparators[0])]
    names = {side.rpartition(".")[2] for side in sides}
    return names == {"ceiling", "trivial"} or {side[side.rfind("[") :] for side in sides} == {"[0]", "[-1]"}


def of_better(node):
    """Whether it asks which way a metric is better by its word."""
    return isinstance(node, ast.Compare) and any(
        isinstance(side, ast.Constant) and side.value in ("higher", "lower") for side in (node.left, *node.comparators)
    )


def of_masters(node):
    """Whether it compares something with a master's level or its pass mark by number."""
    if not isinstance(node, ast.Compare):
        return False
    sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
    return any("level" in side for side in sides) and "7" in sides


def test_whether_scores_rise_is_said_by_the_anchors_and_the_metric_alone():
    assert homes(of_ends) == {"assignments/assignment.py"}
    assert homes(of_better) == {"assignments/assignment.py", "graders/metrics/metric.py"}


def test_the_level_of_a_masters_course_is_known_in_one_place():
    assert homes(of_masters) == set()  # there it has a name
    assert {path for path, text in sources() if " else 40" in text} == {"assignments/assignment.py"}


@pytest.mark.parametrize(
    ("holds", "text"),
    [
        (of_ends, "values[-1] > values[0]"),
        (of_ends, "a.anchors.trivial < a.anchors.ceiling"),
        (of_ends, "ceiling > trivial"),
        (of_better, 'm.better == "higher"'),
        (of_masters, "level == 7"),
        (of_masters, "7 <= level"),
    ],
)
def test_the_walk_sees_each_of_them(holds, text):
    assert any(holds(node) for node in ast.walk(ast.parse(text)))


@pytest.mark.parametrize(
    ("home", "word"),
    [
        ("assignments/errors.py", "import difflib"),
        ("assignments/caps.py", "cases_(?P<side>"),
        ("assignments/caps.py", "def parse_condition("),
        ("assignments/metric_names.py", "def metric_form("),
        ("graders/tasks/hidden_cases.py", " hidden_set("),
        ("graders/asking/check.py", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"),
        ("reports/sentences.py", "Not marked yet: "),
        ("assignments/files.py", "fsync(file.fileno())  # else"),
        ("assignments/drawing/cutting.py", "def cut_through("),
        ("assignments/drawing/pixels.py", "find_contours"),
        ("assignments/drawing/pixels.py", "np.percentile(finite, WINDOW)"),
    ],
)
def test_it_stands_in_no_other_file(home, word):
    assert [path.name for path in (ROOT / "reports/templates").iterdir() if word in path.read_text("utf-8")] == []
    assert {path for path, text in sources() if word in text} - {"assignments/data/hidden.py"} == {home}
