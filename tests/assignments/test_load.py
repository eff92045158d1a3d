"""Loading an assignment's folder: every problem is reported at once, with its cure."""

from __future__ import annotations

import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assignments.assignment import Accuracy
from assignments.derived.interface import solution_interface
from assignments.load import (
    AssignmentError,
    find,
    folder_digest,
    hidden_tests,
    load,
    overridden,
    public_tests,
    references,
)

TOML = """\
id = "spots"
title = "Spots on a slide"
task = "classification"
frameworks = ["pytorch"]
[data]
source = "spots.py"
path = "slides"
train = 20
test = 10
[run]
mode = "retrain"
seeds = 3
[[criterion]]
id = "tests"
kind = "hidden_tests"
points = 10
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 20
metric = "balanced_accuracy"
anchors = { trivial = 0.5, pass = 0.6, merit = 0.7, distinction = 0.8, reference = 0.9, ceiling = 1.0 }
caps = [{ when = "balanced_accuracy < 0.55", at = 0.5 }]
[[criterion]]
id = "report"
kind = "person"
points = 5
"""

TESTS = '''\
"""Losses."""
import numpy as np
import pytest
from assignments.testing import close

def mask(rng):
    return rng.integers(0, 2, 8)

@pytest.fixture(scope="module")
def model(shared_student):
    return shared_student.build_model({})

@pytest.mark.points(6)
def test_loss_of_equal_masks(student, rng):
    """The loss is 0 when
    prediction and truth agree."""
    assert close(student.loss(mask(rng)), 0.0)

@pytest.mark.points(4)
def test_model_forgets(model):
    """The model forgets."""
    assert model is not None
'''

INTERFACE = """\
from typing import TypedDict
import numpy as np
from jaxtyping import Float32
from assignments.interface import Model

class Slides(TypedDict):
    image: Float32[np.ndarray, "n 8 8"]
class Answer(TypedDict):
    prob: Float32[np.ndarray, "n"]

def loss(x: Float32[np.ndarray, "n"]) -> float: ...
def build_model(config: dict) -> Model: ...
def fit(train: dict, val: dict | None, *, seed: int, budget_s: float) -> Model: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
def predict(model: Model, inputs: Slides) -> Answer: ...
"""

SPOTS = """\
from assignments.data.source import Axes

ARRAYS = {"image": Axes("float32", "8 8"), "y": Axes("uint8", "", role="truth")}

def draw(n, rng): ...
"""

TASKS = {"classification": SimpleNamespace(entry="predict", truth="y", extra_truths=(), prediction="prob")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "spots"
    (home / "hidden_tests").mkdir(parents=True)
    (home / "public_tests").mkdir()
    (home / "assignment.toml").write_text(TOML)
    (home / "brief.md").write_text("Classify.\n")
    (home / "interface.py").write_text(INTERFACE)
    (home / "spots.py").write_text(SPOTS)
    (home / "hidden_tests" / "test_losses.py").write_text(TESTS)
    (home / "public_tests" / "test_shapes.py").write_text(
        'def test_shape(student):\n    """One probability a row."""\n    assert True\n'
    )
    return home


def edit(path: Path, find: str, replace: str) -> None:
    text = path.read_text()
    assert text.count(find) == 1, (find, text.count(find))
    path.write_text(text.replace(find, replace))


def problems_of(folder: Path, **names: Any) -> list[tuple[str, str, int | None, str]]:
    """(file name, key, line, what and cure) of each problem."""
    with pytest.raises(AssignmentError) as caught:
        load(folder, **names)
    return [(Path(item.file).name, item.key, item.line, f"{item.what}; {item.cure}") for item in caught.value.problems]


def test_a_sound_folder_becomes_an_assignment(folder: Path) -> None:
    assignment = load(folder, tasks=TASKS, metrics={"balanced_accuracy"}, sources=set())
    assert assignment.id == "spots"
    assert assignment.points == 35
    assert assignment.folder == folder
    assert assignment.data.path == folder / "slides"


def test_the_smallest_assignment_is_a_dozen_lines_of_toml_and_a_brief(tmp_path: Path) -> None:
    (tmp_path / "brief.md").write_text("Write an essay.\n")
    (tmp_path / "assignment.toml").write_text(
        textwrap.dedent("""\
        id = "essay"
        title = "Essay"
        task = "classification"
        [data]
        source = "breast_cancer"
        train = 1
        test = 1
        [run]
        mode = "weights"
        [[criterion]]
        id = "essay"
        kind = "person"
        points = 100
        """)
    )
    assert load(tmp_path).points == 100
    assert hidden_tests(load(tmp_path)) == ()
    assert public_tests(load(tmp_path)) == ()


def test_a_hidden_test_is_read_from_its_source_alone(folder: Path) -> None:
    first, second = hidden_tests(load(folder))
    assert first.id == "test_losses.py::test_loss_of_equal_masks"
    assert (first.criterion, first.points, first.line) == ("tests", 6, 14)
    assert first.docstring == "The loss is 0 when prediction and truth agree."
    assert first.source.startswith("@pytest.mark.points(6)\ndef test_loss_of_equal_masks(")
    assert first.source.endswith("0.0)\n")
    assert "def mask" in first.surroundings
    assert "def model" in first.surroundings
    assert "def test_" not in first.surroundings
    assert second.points == 4
    assert not second.doubles


def test_moving_another_test_leaves_source_and_surroundings_unchanged(folder: Path) -> None:
    before = hidden_tests(load(folder))[1]
    path = folder / "hidden_tests" / "test_losses.py"
    edit(path, "    assert close(student.loss(mask(rng)), 0.0)\n", "    assert True\n    assert True\n\n\n")
    after = hidden_tests(load(folder))[1]
    assert (before.source, before.surroundings) == (after.source, after.surroundings)


def test_a_public_test_has_no_points(folder: Path) -> None:
    (test,) = public_tests(load(folder))
    assert (test.id, test.criterion, test.points) == ("test_shapes.py::test_shape", "", 0)
    path = folder / "public_tests" / "test_shapes.py"
    path.write_text("import pytest\n@pytest.mark.points(3)\n" + path.read_text())
    assert [item[:3] for item in problems_of(folder)] == [("test_shapes.py", "test_shape", 3)]


def test_a_misspelt_key_a_wrong_type_and_wrong_points_are_reported_together(folder: Path) -> None:
    path = folder / "assignment.toml"
    edit(path, "seeds = 3", "sedes = 3")
    edit(path, "train = 20", 'train = "twenty"')
    edit(path, "points = 10", "points = 12")
    problems = problems_of(folder)
    assert [(file, key, line) for file, key, line, _ in problems] == [
        ("assignment.toml", "data.train", 8),
        ("assignment.toml", "run.sedes", 12),
        ("assignment.toml", "criterion.0.points", 16),
    ]
    assert "whole number" in problems[0][3]
    assert 'did you mean "seeds"?' in problems[1][3]
    assert "12, but the points of its 2 hidden tests add up to 10" in problems[2][3]
    assert "write points = 10" in problems[2][3]


def test_the_decimals_of_a_leaderboard_are_called_places_and_nothing_else(folder: Path) -> None:
    path = folder / "assignment.toml"
    path.write_text(path.read_text() + "\n[leaderboard]\nplaces = 2\n")
    assert load(folder).leaderboard.decimals == 2
    edit(path, "places = 2", "decimals = 2")
    ((_, key, _, what),) = problems_of(folder)
    assert (key, what) == ("leaderboard.decimals", "unknown key; use one of: places, utilities")


def test_an_unknown_name_gets_the_nearest_as_its_cure(folder: Path) -> None:
    path = folder / "assignment.toml"
    edit(path, 'task = "classification"', 'task = "clasification"')
    edit(path, 'source = "spots.py"', 'source = "brest_cancer"')
    edit(path, 'metric = "balanced_accuracy"', 'metric = "balanced_acuracy"')
    edit(path, "balanced_accuracy < 0.55", "acuracy < 0.55")
    problems = problems_of(
        folder,
        tasks=TASKS | {"segmentation": TASKS["classification"]},
        metrics={"balanced_accuracy", "accuracy", "dice"},
        sources={"breast_cancer"},
    )
    assert [line for _, _, line, _ in problems] == [3, 6, 21, 23]
    for text, (_, _, _, what) in zip(
        ['"classification"?', '"breast_cancer"?', '"balanced_accuracy"?', '"accuracy"?'], problems, strict=True
    ):
        assert f"did you mean {text}" in what


COSTED = 'kind = "accuracy"\ncosts = '


def test_costs_of_errors_are_a_matrix_of_numbers(folder: Path) -> None:
    edit(folder / "assignment.toml", 'kind = "accuracy"', f"{COSTED}[[0, 1], [5, 0]]")
    criterion = load(folder).criterion("accuracy")
    assert isinstance(criterion, Accuracy)
    assert criterion.costs == ((0, 1), (5, 0))


@pytest.mark.parametrize(
    "costs", ["[]", "[[0]]", "[[0, 1]]", "[[0, 1], [5, 0, 1]]", "[[1, 1], [5, 0]]", "[[0, 0], [5, 0]]",
              "[[0, -1], [5, 0]]", "[[0, nan], [5, 0]]", "[[0, inf], [5, 0]]"],
)  # fmt: skip
def test_costs_that_are_not_a_matrix_or_give_an_error_no_cost_are_refused(folder: Path, costs: str) -> None:
    edit(folder / "assignment.toml", 'kind = "accuracy"', f"{COSTED}{costs}")
    assert "costs need a row and a column for each class" in str(problems_of(folder))


@pytest.mark.parametrize(
    ("metric", "exists"),
    [
        ("nsd@3mm", True),
        ("nsd@1.5mm", True),
        ("nsd", False),
        ("nsd@3", False),
        ("dice@3mm", False),
        ("dice@class2", True),
        ("nsd@3mm@class12", True),
        ("dice@class", False),
        ("dise@class2", False),
    ],
)
def test_the_number_in_the_name_of_a_metric_is_free(folder: Path, metric: str, exists: bool) -> None:
    path = folder / "assignment.toml"
    edit(path, 'metric = "balanced_accuracy"', f'metric = "{metric}"')
    edit(path, "balanced_accuracy < 0.55", f"{metric} < 0.55")
    metrics = {"dice", "nsd@2mm"}
    if exists:
        assert load(folder, metrics=metrics).criterion("accuracy").metric == metric
        return
    problems = problems_of(folder, metrics=metrics)
    expected = [("criterion.1.metric", 21), ("criterion.1.caps.0.when", 23)]
    assert [(key, line) for _, key, line, _ in problems] == expected
    assert all(f'no metric "{metric}"' in what for *_, what in problems)


@pytest.mark.parametrize(
    "condition",
    ["cases_below(dice, 0.5) > 0", "nsd@2mm < 0.5", "cases_above(hd95, 20) > 2", "dice < 0.5", "hd95@medpy > 12.5"],
)
def test_these_conditions_of_caps_are_accepted(folder: Path, condition: str) -> None:
    edit(folder / "assignment.toml", "balanced_accuracy < 0.55", condition)
    load(folder)


@pytest.mark.parametrize("condition", ["dice", "__import__('os')", "cases_below(dice) > 0", "dice < x", "a < 1; b"])
def test_a_condition_outside_the_grammar_is_refused(folder: Path, condition: str) -> None:
    edit(folder / "assignment.toml", "balanced_accuracy < 0.55", condition)
    ((_, key, line, what),) = problems_of(folder)
    assert (key, line) == ("criterion.1.caps.0.when", 23)
    assert "cases_below(METRIC, 0.5) > 0" in what


def test_a_source_by_path_must_be_there_and_be_python(folder: Path) -> None:
    edit(folder / "assignment.toml", '"spots.py"', '"dots.py"')
    ((_, key, line, what),) = problems_of(folder)
    assert (key, line) == ("data.source", 6)
    assert what == f"there is no dots.py in the assignment's folder; add {folder / 'dots.py'}"
    edit(folder / "assignment.toml", '"dots.py"', '"spots.py"')
    (folder / "spots.py").write_text("def draw(n, rng:\n")
    assert problems_of(folder)[0][0] == "spots.py"


def test_a_source_in_the_form_of_an_earlier_medmark_says_how_to_change_it(folder: Path) -> None:
    edit(folder / "assignment.toml", '"spots.py"', '"spots.py:spots"')
    ((_, key, line, what),) = problems_of(folder)
    assert (key, line) == ("data.source", 6)
    for cure in ('write source = "spots.py"', "ARRAYS = {", "rename spots to draw", "open(path), subjects(opened)"):
        assert cure in what


def test_a_source_must_have_what_the_interface_declares(folder: Path) -> None:
    edit(folder / "spots.py", '"8 8"', '"8 9"')
    edit(folder / "spots.py", '"y"', '"label"')
    problems = problems_of(folder, tasks=TASKS)
    assert [(file, key) for file, key, *_ in problems] == [("interface.py", ""), ("interface.py", "predict")]
    assert 'the source has no "y", the truth of this task; it has image, label' in problems[0][3]
    assert 'a case of the source is float32 "8 9"' in problems[1][3]


def test_a_metric_in_mm_needs_cases_with_a_spacing(folder: Path) -> None:
    edit(folder / "assignment.toml", 'metric = "balanced_accuracy"', 'metric = "balanced_accuracy"\nalso = ["hd95"]')
    ((file, key, line, what),) = problems_of(folder, tasks=TASKS)
    assert (file, key, line) == ("assignment.toml", "data.source", 6)
    assert what.startswith("spacing is missing, and hd95 measures by it")
    edit(folder / "spots.py", '"y":', '"spacing": Axes("float32", "2"), "y":')
    load(folder, tasks=TASKS)
    edit(folder / "assignment.toml", '"hd95"', '"volume_difference@ml"')
    assert "spacing is not of three axes" in problems_of(folder, tasks=TASKS)[0][3]


def test_a_source_that_defines_none_is_a_problem_of_its_key(folder: Path) -> None:
    edit(folder / "spots.py", "def draw", "def drew")
    ((file, key, _, what),) = problems_of(folder, tasks=TASKS, sources=set())
    assert (file, key) == ("assignment.toml", "data.source")
    assert "spots.py: defines no source. Write" in what


def test_a_function_by_path_must_be_there(folder: Path) -> None:
    metric = 'metric = "balanced_accuracy"'
    (folder / "own.py").write_text("def recall(answers, truths, cases): ...\n")
    edit(folder / "assignment.toml", metric, 'metric = "own.py:recal"')
    assert 'own.py does not define recal; did you mean "recall"?' in problems_of(folder, metrics=set())[0][3]
    edit(folder / "assignment.toml", "own.py:recal", "away.py:recall")
    assert "there is no away.py" in problems_of(folder, metrics=set())[0][3]


def test_missing_files_are_reported_together(folder: Path) -> None:
    (folder / "brief.md").unlink()
    (folder / "interface.py").unlink()
    edit(folder / "assignment.toml", 'source = "spots.py"', 'source = "folder"')  # whose arrays nothing declares
    assert [item[0] for item in problems_of(folder)] == ["brief.md", "interface.py"]


def test_an_interface_is_not_missing_where_it_follows_from_task_and_data(folder: Path) -> None:
    (folder / "interface.py").unlink()
    assert load(folder, tasks=TASKS).id == "spots"


def test_an_accuracy_criterion_needs_fit_save_and_load_where_they_cannot_be_derived(folder: Path) -> None:
    edit(folder / "assignment.toml", 'source = "spots.py"', 'source = "folder"')
    text = (folder / "interface.py").read_text()
    (folder / "interface.py").write_text(text.replace("def load", "def _load").replace("def save", "def _save"))
    edit(folder / "assignment.toml", "points = 10", "points = 11")
    assert [item[1] for item in problems_of(folder, tasks=TASKS)] == ["criterion.0.points", "load", "save"]


def test_save_and_load_are_derived_where_the_arrays_of_the_data_are_declared(folder: Path) -> None:
    text = (folder / "interface.py").read_text()
    (folder / "interface.py").write_text(text.replace("def load", "def _load").replace("def save", "def _save"))
    interface = solution_interface(load(folder, tasks=TASKS))
    assert {"load", "save"} <= interface.names


def test_an_interface_is_imported_only_for_a_caller_who_passes_the_tasks(folder: Path) -> None:
    (folder / "interface.py").write_text("1 / 0\n")
    assert load(folder).id == "spots"
    assert problems_of(folder, tasks=TASKS) == [
        ("interface.py", "", 1, "cannot be imported: ZeroDivisionError: division by zero; correct the file")
    ]


def test_a_criterion_without_tests_and_tests_without_criterion(folder: Path) -> None:
    edit(folder / "assignment.toml", 'kind = "hidden_tests"', 'kind = "person"')
    assert "no criterion gives the tests" in problems_of(folder)[0][3]
    edit(folder / "assignment.toml", 'id = "tests"\nkind = "person"', 'id = "tests"\nkind = "hidden_tests"')
    (folder / "hidden_tests" / "test_losses.py").unlink()
    assert "no hidden test earns these points" in problems_of(folder)[0][3]


def test_two_criteria_of_tests_share_the_tests_by_name(folder: Path) -> None:
    edit(
        folder / "assignment.toml",
        "points = 10\n",
        'points = 6\n[[criterion]]\nid = "more"\nkind = "hidden_tests"\npoints = 4\n',
    )
    path = folder / "hidden_tests" / "test_losses.py"
    assert "belongs to no criterion" in problems_of(folder)[-1][3]
    edit(path, "points(6)", 'points(6, criterion="tests")')
    edit(path, "points(4)", 'points(4, criterion="more")')
    assert [test.criterion for test in hidden_tests(load(folder))] == ["tests", "more"]


def test_criteria_need_different_ids(folder: Path) -> None:
    edit(folder / "assignment.toml", 'id = "report"', 'id = "accuracy"')
    ((_, key, line, what),) = problems_of(folder)
    assert (key, line) == ("criterion.2.id", 25)
    assert 'is the id of a second criterion "accuracy"' in what


@pytest.mark.parametrize(
    ("old", "new", "line", "text"),
    [
        ("@pytest.mark.points(4)\n", "", 19, "has no points"),
        ("points(4)", "points(4)\n@pytest.mark.points(4)", 21, "has its points twice"),
        ("points(4)", "points(2 + 2)", 20, "one whole number"),
        ("points(4)", "points(0)", 20, "one whole number"),
        ('    """The model forgets."""\n', "", 20, "has no docstring"),
        ("points(4)\n", 'points(4)\n@pytest.mark.parametrize("a", [1])\n', 21, "parametrize"),
        ("@pytest.mark.points(4)\n", "@pytest.mark.points(4)\n@pytest.mark.xfail\n", 21, "xfail"),
        ("def test_model_forgets", "async def test_model_forgets", 20, "is async"),
        ("def test_model_forgets", "def test_loss_of_equal_masks", 20, "defined twice, first in line 14"),
        ("assert model is not None", "assert model == pytest.approx(1)", 22, "pytest.approx"),
        ("import numpy as np\n", "import numpy as np\nimport numpy.testing\n", 3, "numpy.testing"),
        ("import numpy as np\n", "from numpy.testing import assert_allclose\n", 2, "numpy.testing"),
        ("import numpy as np\n", "from pytest import approx\n", 2, "pytest.approx"),
        ("assert model is not None", "np.testing.assert_allclose(model, 0)", 22, "numpy.testing"),
        ("assert model is not None", 'pytest.skip("later")', 22, "pytest.skip"),
        ("def mask(rng)", "pytestmark = pytest.mark.slow\n\ndef mask(rng)", 6, "marks the whole module"),
        ("def mask(rng):\n", "def mask(rng:\n", 6, "not valid Python"),
        ("assert model is not None", 'needs(model, f"learn {model}")', 22, "stands in the file as one text"),
        ("assert model is not None", "needs(model)", 22, "stands in the file as one text"),
        ("assert model is not None", "needs(model, text=' ')", 22, "stands in the file as one text"),
        (
            "assert model is not None",
            "needs(model, 'learn', mend='test_a.py::test_b')",
            22,
            'no test "test_a.py::test_b"',
        ),
        ("assert model is not None", "needs(model, 'learn', model)", 22, "names no test to mend"),
        ("assert model is not None", "assert close(1, 2, mistaken=dict(a=1))", 22, "names no misconceptions"),
        ("assert model is not None", "assert close(1, 2, mistaken={model: 1})", 22, "names no misconceptions"),
        ("assert model is not None", "points_to(model, True)", 22, "names no misconception"),
        ("assert model is not None", "assert close(1, 2, hint=str(model))", 22, "stands in the file as one text"),
    ],
)
def test_a_hidden_test_that_breaks_a_rule_is_a_problem(folder: Path, old: str, new: str, line: int, text: str) -> None:
    edit(folder / "hidden_tests" / "test_losses.py", old, new)
    problems = [item for item in problems_of(folder) if text in item[3]]
    assert [(item[0], item[2]) for item in problems] == [("test_losses.py", line)]


def test_classes_are_refused(folder: Path) -> None:
    path = folder / "hidden_tests" / "test_more.py"
    path.write_text("class TestLoss:\n    def test_a(self):\n        pass\n\nclass Case:\n    pass\n")
    assert [item[:3] for item in problems_of(folder)] == [("test_more.py", "TestLoss", 1)]


def test_other_files_among_the_hidden_tests_are_refused(folder: Path) -> None:
    (folder / "hidden_tests" / "conftest.py").write_text("")
    assert [item[0] for item in problems_of(folder)] == ["conftest.py"]


def test_doubles_may_earn_a_fifth_of_their_criterion(folder: Path) -> None:
    path = folder / "hidden_tests" / "test_losses.py"
    edit(path, "shared_student.build_model({})", 'shared_student.f(shared_student.double("Env"))')
    assert [test.doubles for test in hidden_tests_of(path)] == [False, True]
    ((_, key, line, what),) = problems_of(folder)
    assert (key, line) == ("criterion.0.points", 16)
    assert "earn 4 of 10 points" in what
    assert "test_losses.py::test_model_forgets" in what
    edit(path, "points(6)", "points(8)")
    edit(path, "points(4)", "points(2)")
    load(folder)


def hidden_tests_of(path: Path) -> tuple[object, ...]:
    from assignments.declared_tests import declared_tests

    return declared_tests(path.parent, hidden=True, criteria=("tests",))[0]


@pytest.mark.parametrize("call", ["model.double()", "model.double(2)"])
def test_a_method_called_double_is_not_a_double(folder: Path, call: str) -> None:
    edit(folder / "hidden_tests" / "test_losses.py", "assert model is not None", f"assert {call}")
    assert not any(test.doubles for test in hidden_tests(load(folder)))


def test_numpys_double_is_not_a_double(folder: Path) -> None:
    edit(folder / "hidden_tests" / "test_losses.py", "assert model is not None", "assert np.double(1)")
    assert not any(test.doubles for test in hidden_tests(load(folder)))


def test_a_folder_without_toml_names_the_cure(tmp_path: Path) -> None:
    ((file, _, _, what),) = problems_of(tmp_path)
    assert (file, "is missing" in what) == ("assignment.toml", True)
    ((_, _, _, what),) = problems_of(tmp_path / "nowhere")
    assert "no such folder" in what


def test_a_file_that_is_not_toml_is_an_assignment_error_with_its_line(folder: Path) -> None:
    edit(folder / "assignment.toml", 'title = "Spots on a slide"', "title = Spots")
    assert [item[:3] for item in problems_of(folder)] == [("assignment.toml", "", 2)]


def test_a_course_overrides_data_and_run(folder: Path) -> None:
    assignment = overridden(load(folder), data={"test": 40}, run={"seeds": 1, "budget_cpu_s": 300})
    assert (assignment.data.test, assignment.data.train) == (40, 20)
    assert (assignment.run.seeds, assignment.run.budget_cpu_s, assignment.run.mode) == (1, 300.0, "retrain")


def test_an_overridden_path_starts_at_the_folder_of_its_file(folder: Path, tmp_path: Path) -> None:
    course = tmp_path / "course" / "course.toml"
    assignment = overridden(load(folder), data={"path": "../promise"}, file=course)
    assert assignment.data.path == tmp_path / "promise"


def test_a_wrong_override_is_reported_with_its_key(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AssignmentError) as caught:
        overridden(
            load(folder),
            data={"tets": 40},
            run={"mode": "weights"},
            file=tmp_path / "course.toml",
            key="assignments.spots",
        )
    assert [(item.key, item.cure) for item in caught.value.problems] == [
        ("assignments.spots.data.tets", 'did you mean "test"?'),
        ("assignments.spots.run", ""),
    ]
    assert "weights are loaded once" in caught.value.problems[1].what


def test_find_takes_a_folder_or_an_id_and_refuses_anything_else(folder: Path) -> None:
    assert find("spots", folder.parent) == folder
    assert find(folder, Path("/")) == folder
    with pytest.raises(AssignmentError, match="neither an assignment of the catalogue nor a folder"):
        find("sports", folder.parent)


def test_references_are_those_that_exist(folder: Path) -> None:
    assert references(load(folder)) == {}
    (folder / "reference").mkdir()
    (folder / "reference" / "solution_pytorch.py").write_text('FRAMEWORK = "pytorch"\n')
    assert references(load(folder)) == {"pytorch": folder / "reference" / "solution_pytorch.py"}


def test_the_digest_of_a_folder_changes_with_any_file_but_not_with_caches(folder: Path) -> None:
    before = folder_digest(load(folder))
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"0")
    assert folder_digest(load(folder)) == before
    (folder / "brief.md").write_text("Classify!\n")
    assert folder_digest(load(folder)) != before
