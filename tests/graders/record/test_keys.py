"""Each change to an assignment, its data, the toolkit or a solution changes exactly the keys that depend on it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from assignments.assignment import Assignment
from assignments.data.hidden import SetDigests
from assignments.declared_tests import contract_tests, declared_tests
from assignments.errors import UserError
from graders.record import dependencies
from graders.record.dependencies import TOOLKIT
from graders.record.keys import measuring, stage_inputs

SETS = [SetDigests(train=f"train{i}", inputs="inputs", truth="truth") for i in range(2)]
TOML = {
    "id": "discs", "title": "Discs", "task": "classification",
    "data": {"source": "discs.py:discs", "train": 8, "test": 4},
    "run": {"mode": "retrain", "seeds": 2},
    "limits": {},
    "criterion": [
        {"kind": "hidden_tests", "id": "tests", "points": 7},
        {"kind": "accuracy", "id": "auroc", "points": 60, "metric": "auroc",
         "anchors": {"trivial": 0.5, "pass": 0.6, "merit": 0.7, "distinction": 0.8, "reference": 0.9, "ceiling": 1.0},
         "caps": [{"when": "accuracy < 0.5", "at": 0.7}]},
        {"kind": "accuracy", "id": "own", "points": 33, "metric": "mine.py:recall",
         "anchors": {"trivial": 0.5, "pass": 0.6, "merit": 0.7, "distinction": 0.8, "reference": 0.9, "ceiling": 1.0}},
    ],
}  # fmt: skip
LOSSES = '''
import pytest
from assignments.testing import close

ATOL = 1e-4


@pytest.mark.points(4)
def test_zero(student, rng):
    """It is zero."""
    assert close(student.loss(0), 0.0, atol=ATOL)


@pytest.mark.points(3)
def test_one(student):
    """It is one."""
    assert close(student.loss(1), 1.0)
'''
ZERO, UNIT, SHAPE = "test_losses.py::test_zero", "test_losses.py::test_one", "test_shapes.py::test_shape"
TESTS = {("test", ZERO), ("test", UNIT), ("test", SHAPE)}
ANSWERS = {("answers", 0), ("answers", 1)}
SCORES = {("score", "auroc"), ("score", "own")}


class Scene:
    """An assignment's folder and the toolkit's, to be changed between two looks at the keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "discs"
        (self.folder / "hidden_tests").mkdir(parents=True)
        self.write("hidden_tests/test_losses.py", LOSSES)
        self.write("hidden_tests/test_shapes.py", "import pytest\n\n\n@pytest.mark.points(1)\n"
                   'def test_shape(student):\n    """It has a shape."""\n')  # fmt: skip
        self.write("interface.py", "def loss(n: int) -> float: ...\n")
        self.write("mine.py", "recall = None\n")
        self.toolkit = folder
        for package in ("assignments", "graders"):
            unread = shutil.ignore_patterns("__pycache__", "catalogue", "demo", "authoring", "intake", "marks")
            shutil.copytree(TOOLKIT / package, folder / package, ignore=unread)
        self.toml = TOML
        self.sets = SETS
        self.framework = "pytorch"
        self.runtime = "sha256:1"
        self.other_runtimes = {}
        self.secret = "0123456789abcdef"
        self.solution = "tree"
        self.void = ()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def edit(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    def keys(self) -> dict:
        assignment = Assignment.model_validate({**self.toml, "folder": self.folder})
        tests, problems = declared_tests(self.folder / "hidden_tests", hidden=True, criteria=("tests",))
        contracts, wrong = contract_tests(assignment.contracts, ("tests",))
        tests = (*contracts, *tests)
        assert not (*problems, *wrong)
        keys = stage_inputs(
            assignment, tests, self.sets, runtimes={**self.other_runtimes, self.framework: self.runtime},
            secret=self.secret, void_cases=self.void, toolkit=self.toolkit,
        )[self.framework].of(self.solution)  # fmt: skip
        named = {("test", id): key for id, key in keys.tests.items()}
        named |= {("answers", repeat): key for repeat, key in keys.answers.items()}
        named |= {("score", id): key for id, key in keys.scores.items()}
        assert sorted(keys.all()) == sorted(named.values())
        assert len(set(named.values())) == len(named)
        return named

    def toml_with(self, **changes: dict) -> None:
        self.toml = {**self.toml, **{name: {**self.toml[name], **change} for name, change in changes.items()}}

    def criterion(self, index: int, **change) -> None:
        criteria = list(self.toml["criterion"])
        criteria[index] = {**criteria[index], **change}
        self.toml = {**self.toml, "criterion": criteria}


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


@pytest.fixture
def changed(scene):
    """The stages whose keys differ from what they were when the test began."""
    before = scene.keys()

    def since_the_start():
        after = scene.keys()
        return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}

    return since_the_start


def test_nothing_changed_runs_nothing(changed):
    assert changed() == set()


def test_every_stage_has_a_key(scene):
    assert scene.keys().keys() == TESTS | ANSWERS | SCORES


TOOLKIT_FILES = (
    "assignments/testing.py",
    "graders/asking/check.py",
    "graders/asking/measure.py",
    "graders/scoring/score.py",
    "graders/scoring/void.py",
    "graders/wall/inside/worker.py",
)
STORED_KEYS = {
    ("answers", 0): "b49f871470d9486523c93a781fe030f83c31d1e58b2132e534ae8b94996fabd6",
    ("answers", 1): "52b219a4342448808a96efafafedab4345bf61493e8e2fd03d66bc345c6df71b",
    ("score", "auroc"): "26ea3ccbd609094c5ba03454b268d9097259b9eea3ebf33d99aad56a16563b2b",
    ("score", "own"): "e278669033163e5b91402bb6b07d85fb14afc14032ac541f0a00d6e51370e186",
    ("test", UNIT): "0ad238287a90b6a05aff9f2d07fcb81a59ca5b01cf9e53ed984348f091515605",
    ("test", ZERO): "617fff8e136f73d17f7f32fd0b02a8214fcda8f65dd91c43ce2cfe0f9125eeda",
    ("test", SHAPE): "06b4cadfbbc540754f9018d2c4bed1a5e4ba24c9454cf060c1b4356be4d3fa89",
}
"""As `keys.py` gave them before its steps had names of their own."""
STORED_KEYS_WITH_VOID_CASES = {
    ("answers", 0): "b49f871470d9486523c93a781fe030f83c31d1e58b2132e534ae8b94996fabd6",
    ("answers", 1): "52b219a4342448808a96efafafedab4345bf61493e8e2fd03d66bc345c6df71b",
    ("score", "auroc"): "73e94b19554b475b33f8c7cc6530d2ae5fe81e118a53066a5375ced534d1be75",
    ("score", "own"): "2279bf6710641339cbbcff714a74f1142c1ab486989727d74affcc92a88867fc",
    ("test", UNIT): "b3c87af9280eb780402580a13179a8501cd9d43607abe0e237c4b1e7e9b353d8",
    ("test", ZERO): "b95733e054020ebbe1c5fb34b2fcb08e112adff071597bda133ed482705d7936",
    ("test", SHAPE): "a4378d9d024ad3cdc3bd91b48989affcd7d7e4daa80b38146e6cce73b59e662b",
}


@pytest.mark.parametrize(("void", "stored"), [((), STORED_KEYS), (("case 2", "case 1"), STORED_KEYS_WITH_VOID_CASES)])
def test_the_keys_of_a_small_course_are_those_that_ledgers_hold(scene, tmp_path, void, stored):
    scene.toolkit = tmp_path / "toolkit"
    for name in TOOLKIT_FILES:
        (scene.toolkit / name).parent.mkdir(parents=True, exist_ok=True)
        (scene.toolkit / name).write_text(f"NAME = {name!r}\n")
    scene.write("hidden_tests/table.csv", "a,b\n1,2\n")
    if void:
        scene.write("doubles.py", "class D: ...\n")
    scene.void = void
    assert scene.keys() == stored


def test_other_frameworks_of_a_cohort_are_in_no_key(scene, changed):
    scene.other_runtimes = {"tensorflow": "sha256:2", "numpy": "sha256:3"}
    assert changed() == set()


def test_a_changed_solution_runs_everything(scene, changed):
    scene.solution = "another tree"
    assert changed() == TESTS | ANSWERS | SCORES


def test_edited_points_run_nothing(scene, changed):
    scene.edit(scene.folder / "hidden_tests/test_losses.py", "points(4)", "points(2)")
    scene.criterion(0, points=5)
    scene.criterion(1, points=62)
    assert changed() == set()


def test_an_edited_docstring_runs_nothing(scene, changed):
    scene.edit(scene.folder / "hidden_tests/test_losses.py", "It is one.", "The loss of one\n    is one.\n    ")
    assert changed() == set()


def test_one_more_metric_beside_scores_stored_answers_anew(scene, changed):
    scene.criterion(1, also=["brier_of_nobody"])
    assert changed() == {("score", scene.toml["criterion"][1]["id"])}


def test_changed_costs_score_stored_answers_anew(scene, changed):
    scene.criterion(1, costs=[[0, 1], [5, 0]])
    assert changed() == {("score", scene.toml["criterion"][1]["id"])}
    before = scene.keys()
    scene.criterion(1, costs=[[0, 1], [4, 0]])
    assert scene.keys() != before


def test_how_groups_are_ranked_and_scores_explained_is_in_no_key(scene, changed):
    scene.toml = {**scene.toml, "leaderboard": {"places": 2}}
    for name in ("ranking", "paired_tests", "forensics", "fixes"):
        (scene.toolkit / f"graders/scoring/{name}.py").write_text("another = 1\n")
    assert changed() == set()


def test_one_changed_test_runs_one_test(scene, changed):
    scene.edit(scene.folder / "hidden_tests/test_losses.py", "student.loss(1)", "student.loss(1.0)")
    assert changed() == {("test", UNIT)}


def test_a_new_test_runs_one_test_and_moves_no_other(scene, changed):
    text = (scene.folder / "hidden_tests/test_losses.py").read_text()
    new = '\n@pytest.mark.points(1)\ndef test_two(student):\n    """It is two."""\n'
    last = "\n@pytest.mark.points(3)"
    scene.write("hidden_tests/test_losses.py", text.replace(last, new + last))
    assert changed() == {("test", "test_losses.py::test_two")}


def test_a_changed_helper_runs_the_tests_of_its_module(scene, changed):
    scene.edit(scene.folder / "hidden_tests/test_losses.py", "ATOL = 1e-4", "ATOL = 1e-5")
    assert changed() == {("test", ZERO), ("test", UNIT)}


def test_changed_doubles_run_the_tests(scene, changed):
    scene.write("doubles.py", "class Double: ...\n")
    assert changed() == TESTS


def test_a_changed_interface_runs_everything(scene, changed):
    scene.write("interface.py", "def loss(n: float) -> float: ...\n")
    assert changed() == TESTS | ANSWERS | SCORES


def test_a_corrected_label_scores_stored_answers_anew(scene, changed):
    scene.sets = [SetDigests(s.train, s.inputs, "corrected") for s in SETS]
    assert changed() == SCORES


def test_changed_inputs_ask_for_new_answers_but_run_no_test(scene, changed):
    scene.sets = [SetDigests(s.train, "other", s.truth) for s in SETS]
    assert changed() == ANSWERS | SCORES


def test_one_repeats_training_data_asks_for_that_repeats_answers(scene, changed):
    scene.sets = [SETS[0], SetDigests("other", "inputs", "truth")]
    assert changed() == {("answers", 1)} | SCORES


def test_training_data_mean_nothing_where_weights_are_loaded(scene):
    scene.toml_with(run={"mode": "weights", "seeds": 1})
    scene.sets = SETS[:1]
    before = scene.keys()
    scene.sets = [SetDigests("other", "inputs", "truth")]
    assert scene.keys() == before


def test_one_more_seed_runs_one_more_repeat(scene, changed):
    scene.toml_with(run={"seeds": 3})
    scene.sets = [*SETS, SetDigests("train2", "inputs", "truth")]
    assert changed() == {("answers", 2)} | SCORES


READ_BY = {
    "graders/metrics/labels.py": {("score", "auroc")},
    "graders/metrics/ranking.py": {("score", "auroc")},
    "graders/metrics/overlap.py": set(),
    "graders/metrics/nearest.py": set(),
    "graders/metrics/costs.py": set(),
    "graders/metrics/metric.py": SCORES,
    "graders/tasks/classification.py": ANSWERS | SCORES,
    "graders/tasks/refusals.py": ANSWERS | SCORES,
    "graders/tasks/segmentation.py": set(),
    "graders/scoring/score.py": SCORES,
    "graders/scoring/repeat.py": SCORES,
    "graders/scoring/intervals.py": SCORES,
    "graders/scoring/void.py": set(),
    "graders/scoring/explained.py": set(),
    "graders/asking/check.py": TESTS,
    "graders/asking/asked_model.py": ANSWERS | SCORES,
    "graders/asking/measure.py": ANSWERS | SCORES,
    "graders/failures.py": TESTS | ANSWERS | SCORES,
    "graders/wall/replies.py": TESTS | ANSWERS | SCORES,
    "graders/wall/inside/keeper.py": TESTS | ANSWERS | SCORES,
    "graders/wall/inside/adapter_pytorch.py": TESTS | ANSWERS | SCORES,
    "graders/wall/inside/adapter_tensorflow.py": set(),
    "graders/wall/sandboxes/docker.py": set(),
    "assignments/interface.py": TESTS | ANSWERS | SCORES,
    "assignments/testing.py": TESTS,
    "assignments/data/streams.py": TESTS | ANSWERS | SCORES,
    "assignments/data/hidden.py": ANSWERS | SCORES,
    "assignments/data/sources/breast_cancer.py": set(),
    "assignments/assignment.py": set(),
    "graders/record/keys.py": set(),
    "graders/record/ledger.py": set(),
    "graders/record/documents.py": set(),
}
"""What a change in a file of the toolkit does again, where `auroc` and `accuracy` are the metrics."""


@pytest.mark.parametrize("file", READ_BY)
def test_changed_code_does_again_what_reads_it(scene, changed, file):
    path = scene.toolkit / file
    path.write_text(path.read_text() + "\nCHANGED = True\n")
    assert changed() == READ_BY[file]


@pytest.mark.parametrize("file", READ_BY)
def test_words_about_code_do_nothing_again(scene, changed, file):
    path = scene.toolkit / file
    lines = path.read_text().splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith(("def ", "class ")) and line.endswith(":"))
    body = next(n for n in range(first + 1, len(lines)) if lines[n].strip())
    lines[body:body] = ["", "    # A comment.", "", '    """A docstring.', "", '    of several lines."""', ""]
    path.write_text("# Another comment.\n" + "\n".join(lines) + "\n\n\n")
    assert changed() == set()


@pytest.mark.parametrize("name", ["interface.py", "doubles.py", "mine.py", "hidden_tests/test_losses.py"])
def test_words_in_an_instructors_files_do_nothing_again(scene, name):
    scene.write("doubles.py", "class Double:\n    def close(self): ...\n")
    text, before = (scene.folder / name).read_text(), scene.keys()
    more = text.replace("    assert", "\n    # See.\n    assert")
    scene.write(name, f'# Why.\n"""What is in here."""\n\n{more}\n\n# The end.\n')
    assert scene.keys() == before


def test_void_cases_and_what_leaves_them_out_score_stored_answers_anew(scene, changed):
    scene.void = ("bodu-kire",)
    assert changed() == SCORES
    before = scene.keys()
    path = scene.toolkit / "graders/scoring/void.py"
    path.write_text(path.read_text() + "\nCHANGED = True\n")
    after = scene.keys()
    assert {name for name in before if before[name] != after[name]} == SCORES


def test_what_a_hidden_test_imports_of_the_toolkit_counts_for_it_alone(scene):
    test = "hidden_tests/test_losses.py"
    text = (scene.folder / test).read_text()
    source = "from assignments.data.sources.prostate_mr import draw"
    scene.write(test, text.replace("import close", f"import close\n{source}"))
    before = scene.keys()
    path = scene.toolkit / "assignments/data/sources/prostate_mr.py"
    path.write_text(path.read_text() + "\nCHANGED = True\n")
    after = scene.keys()
    assert {name for name in before if before[name] != after[name]} == {("test", ZERO), ("test", UNIT)}


def test_what_an_instructors_metric_imports_of_the_toolkit_counts_for_it_alone(scene):
    scene.write("mine.py", "from graders.metrics.overlap import dice\nrecall = dice\n")
    before = scene.keys()
    path = scene.toolkit / "graders/metrics/overlap.py"
    path.write_text(path.read_text() + "\nCHANGED = True\n")
    after = scene.keys()
    assert {name for name in before if before[name] != after[name]} == {("score", "own")}


@pytest.mark.parametrize("name", ["helper.py", "weights.npz"])
def test_a_file_beside_an_instructors_metric_scores_with_it_anew(scene, changed, name):
    """Nobody but its author knows which of them it reads."""
    scene.write(name, "one = 1\n")
    assert changed() == {("score", "own")}
    before = scene.keys()
    scene.write(name, "one = 2\n")
    after = scene.keys()
    assert {name for name in before if before[name] != after[name]} == {("score", "own")}


def test_a_module_beside_an_instructors_metric_counts_with_what_it_imports(scene):
    scene.write("mine.py", "import helper\nrecall = helper.dice\n")
    scene.write("helper.py", "import mine\nfrom graders.metrics.overlap import dice\n")
    before = scene.keys()
    path = scene.toolkit / "graders/metrics/overlap.py"
    path.write_text(path.read_text() + "\nCHANGED = True\n")
    after = scene.keys()
    assert {name for name in before if before[name] != after[name]} == {("score", "own")}


@pytest.mark.parametrize(("package", "stages"), [
    ("numpy", SCORES), ("scipy", SCORES), ("scikit-image", set()), ("jaxtyping", set()), ("torch", set()),
    ("medpy", {("score", "own")}),
])  # fmt: skip
def test_another_version_of_what_computes_a_score_scores_stored_answers_anew(scene, monkeypatch, package, stages):
    """No test runs again: it compares within a tolerance, and would ask the solution anew."""
    scene.write("mine.py", "import helper\n")
    scene.write("helper.py", "def recall():\n    import medpy\n")
    versions = {"numpy": "2.3.1", "scipy": "1.16.0", "scikit-image": "0.25", "medpy": "0.5", "torch": "2.13"}
    monkeypatch.setattr(dependencies, "version", lambda name: versions[name])
    before = scene.keys()
    versions[package] = "9.0"
    after = scene.keys()
    assert {name for name in before if before[name] != after[name]} == stages


@pytest.mark.parametrize(
    "name",
    ["brief.md", "notes.md", "calibration.json", "rehearsal.json", ".swp", "starter/a.py", "baseline_zero.py"],
)
def test_words_and_records_beside_an_instructors_metric_score_nothing_anew(scene, changed, name):
    (scene.folder / "starter").mkdir()
    scene.write(name, "one = 1\n")
    assert changed() == set()


def test_a_table_that_lies_among_the_hidden_tests_runs_them(scene, changed):
    scene.write("hidden_tests/expected.csv", "1,2\n")
    assert changed() == TESTS


@pytest.mark.parametrize("file", ["graders/asking/measure.py", "graders/scoring/caps.py", "graders/metrics/labels.py"])
def test_a_missing_file_of_the_toolkit_is_an_error_that_names_it(scene, file):
    (scene.toolkit / file).unlink()
    with pytest.raises(UserError, match=f"{file} is missing"):
        scene.keys()


def test_an_interface_that_was_taken_away_is_an_error_that_names_it(scene):
    (scene.folder / "interface.py").unlink()
    with pytest.raises(UserError, match=r"interface\.py is missing"):
        scene.keys()


def test_a_distance_depends_on_the_search_for_the_nearest_and_on_its_number(scene):
    names = ("nsd@2mm", "nsd@3mm", "hd95@medpy", "dice")

    def measured():
        measured = {}
        for name in names:
            scene.criterion(1, metric=name, caps=[])
            assignment = Assignment.model_validate({**scene.toml, "folder": scene.folder})
            measured[name] = measuring(assignment, assignment.criterion("auroc"), scene.toolkit)
        return measured

    before = measured()
    assert len({str(inputs) for inputs in before.values()}) == 4
    path = scene.toolkit / "graders/metrics/nearest.py"
    path.write_text(path.read_text() + "\nCHANGED = True\n")
    after = measured()
    assert {name for name in names if after[name] != before[name]} == {"nsd@2mm", "nsd@3mm", "hd95@medpy"}


def test_a_changed_declaration_of_a_metric_scores_with_it_anew(scene, changed):
    path = scene.toolkit / "graders/metrics/__init__.py"
    scene.edit(path, '"auroc", ranking.auroc, level="per_set"', '"auroc", ranking.auroc, level="per_case"')
    assert changed() == {("score", "auroc")}


def test_one_more_metric_in_the_toolkit_scores_nothing_anew(scene, changed):
    path = scene.toolkit / "graders/metrics/__init__.py"
    first = "METRICS: dict[str, Metric] = {\n"
    scene.edit(path, first, f'{first}    "other": nearest.OTHER,\n')
    scene.edit(path, "    labels,\n    overlap,\n", "    labels,\n    nearest,\n    overlap,\n")
    assert changed() == set()


def test_how_a_metric_is_found_by_its_name_scores_everything_anew(scene, changed):
    scene.edit(scene.toolkit / "graders/metrics/__init__.py", "parts.label == 0", "parts.label < 1")
    assert changed() == SCORES


def test_an_instructors_changed_metric_scores_with_it_anew(scene, changed):
    scene.write("mine.py", "recall = 1\n")
    assert changed() == {("score", "own")}


def test_the_metric_of_a_caps_condition_counts(scene, changed):
    scene.criterion(2, caps=[{"when": "cases_below(dice, 0.5) > 0", "at": 0.7}])
    before = changed()
    path = scene.toolkit / "graders/metrics/overlap.py"
    path.write_text(path.read_text() + "\nCHANGED = True\n")
    assert before == {("score", "own")}
    assert changed() == {("score", "own")}


def test_edited_caps_and_anchors_run_nothing(scene, changed):
    scene.criterion(1, caps=[{"when": "accuracy < 0.4", "at": 0.5}])
    scene.criterion(2, anchors={**TOML["criterion"][2]["anchors"], "ceiling": 0.99})
    assert changed() == set()


@pytest.mark.parametrize(("limits", "stages"), [
    ({"cpu_s": 1}, ANSWERS | SCORES),
    ({"test_cpu_s": 1}, TESTS),
    ({"shared_cpu_s": 1}, TESTS),
    ({"memory_mb": 512}, TESTS | ANSWERS | SCORES),
    ({"weights_mb": 1}, set()),
])  # fmt: skip
def test_a_changed_limit_reaches_what_it_limits(scene, changed, limits, stages):
    scene.toml_with(limits=limits)
    assert changed() == stages


@pytest.mark.parametrize(("name", "value"), [("runtime", "sha256:2"), ("secret", "f" * 16), ("framework", "numpy")])
def test_runtime_secret_and_framework_reach_everything(scene, changed, name, value):
    setattr(scene, name, value)
    assert changed() == TESTS | ANSWERS | SCORES


CONTRACTS_TOML = {
    "trained": {"cases": 20, "budget_s": 2.0},
    "contracts": {"units": {"points": 1, "scale": "columns"}, "keeps_its_inputs": {"points": 1}},
}
DISCS = """\
from random import random

from assignments.data.source import Axes

ARRAYS = {"x": Axes("float32", "3"), "y": Axes("uint8", "", role="truth")}


def draw(n, rng):
    return {}
"""
UNITS, INPUTS = ("test", "units"), ("test", "keeps_its_inputs")
DRAWS = "test_draws.py::test_draws"


@pytest.fixture
def contracts(scene):
    """A scene with two contracts and a test that draws cases."""
    scene.toml = {**scene.toml, **CONTRACTS_TOML, "data": {**TOML["data"], "source": "discs.py"}}
    scene.write("discs.py", DISCS)
    scene.write(
        "hidden_tests/test_draws.py",
        "import pytest\n\n\n@pytest.mark.points(1)\ndef test_draws(student, small_cases, rng):\n"
        '    """It draws."""\n    assert small_cases(3, rng)\n',
    )
    return scene


@pytest.fixture
def changed_tests(contracts):
    before = contracts.keys()

    def since_the_start():
        after = contracts.keys()
        return {name for name in after if name[0] == "test" and before[name] != after[name]}

    return since_the_start


def test_a_contracts_key_covers_its_options_and_no_points_or_words(contracts, changed_tests):
    def units(**change):
        terms = {**CONTRACTS_TOML["contracts"]["units"], **change}
        contracts.toml = {**contracts.toml, "contracts": {**CONTRACTS_TOML["contracts"], "units": terms}}

    units(points=9, says="So.")
    assert changed_tests() == set()
    units(scale="intensity")
    assert changed_tests() == {UNITS}


def test_an_edit_of_a_test_that_draws_cases_runs_it_anew(contracts, changed_tests):
    contracts.edit(contracts.folder / "hidden_tests/test_draws.py", "small_cases(3, rng)", "small_cases(4, rng)")
    assert changed_tests() == {("test", DRAWS)}


def test_what_is_trained_and_what_is_drawn_belong_to_the_keys_of_the_tests_that_use_them(contracts, changed_tests):
    contracts.toml = {**contracts.toml, "trained": {"cases": 21, "budget_s": 2.0}}
    assert changed_tests() == {UNITS, INPUTS}
    contracts.toml = {**contracts.toml, "trained": CONTRACTS_TOML["trained"]}
    contracts.write(
        "discs.py", DISCS.replace("return {}", "return {'x': rng}").replace("from random import random\n", "")
    )
    assert changed_tests() == {UNITS, INPUTS, ("test", DRAWS)}


def test_what_tensorflow_gets_beyond_the_budget_belongs_to_the_keys_of_the_tests_that_train(
    contracts, changed_tests, monkeypatch
):
    monkeypatch.setattr("assignments.assignment.GRAPH_S", 7.0)
    assert changed_tests() == {UNITS, INPUTS}


@pytest.mark.parametrize(
    ("file", "those"),
    [
        ("graders/asking/model_calls.py", TESTS | {UNITS, INPUTS, ("test", DRAWS)}),  # a fixture of every test's plugin
        ("graders/asking/model_facts.py", {UNITS, INPUTS, ("test", DRAWS)}),
        ("assignments/data/stand_ins.py", {UNITS, INPUTS, ("test", DRAWS)}),
        ("assignments/contracts/answers.py", {UNITS, INPUTS}),
        ("assignments/contracts/edits.py", set()),
        ("assignments/contracts/contract.py", set()),
        ("assignments/contracts/__init__.py", set()),
    ],
)
def test_a_change_of_the_toolkit_runs_the_tests_that_depend_on_it(contracts, changed_tests, file, those):
    path = contracts.toolkit / file
    path.write_text(path.read_text() + "\nCHANGED = 1\n")
    assert changed_tests() == those
