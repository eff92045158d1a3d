"""The brief fills in what the assignment's files say already, and leaves all other text alone."""

import re
from pathlib import Path

import pytest

from assignments.derived.brief import brief_text
from assignments.folders import AssignmentError, catalogue
from assignments.load import load, overridden
from graders.authoring.splitting import proposed_split
from graders.metrics import METRICS
from graders.tasks import TASKS
from tests.loaded import of_catalogue
from tests.other_cases_made import APPLICATIONS, as_a_course_sets

TOML = """\
id = "own"
title = "Own"
task = "classification"
frameworks = ["numpy"]
given = ["halve"]
[data]
source = "cases.py"
train = 8
test = 4
[run]
mode = "retrain"
seeds = 3
budget_cpu_s = 20
[limits]
memory_mb = 2048
[[criterion]]
id = "tests"
kind = "hidden_tests"
points = 4
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 10
metric = "balanced_accuracy"
anchors = { trivial = 0.5, pass = 0.6, merit = 0.7, distinction = 0.8, reference = 0.9, ceiling = 1.0 }
caps = [{ when = "balanced_accuracy < 0.55", at = 0.5 }]
[[criterion]]
id = "report"
kind = "person"
points = 6
file = "report.pdf"
max_pages = 2
"""
FILES = {
    "assignment.toml": TOML,
    "cases.py": """\
from assignments.data.source import Axes

ARRAYS = {
    "x": Axes("float32", "3", doc="length | width | height in mm"),
    "y": Axes("uint8", "", role="truth", doc="1 is malignant"),
}


def draw(n, rng):
    return {}
""",
    "interface.py": '''\
import numpy as np
from jaxtyping import Float


def halve(x: Float[np.ndarray, "n"], by: float = 2.0) -> Float[np.ndarray, "n"]:
    """Each number, divided:
    `x | by`. A second sentence.

    More, which the table leaves out.
    """


class Adam:
    """An optimiser."""

    def __init__(self, lr: float) -> None: ...
    def step(self, grads: list) -> float:
        """One step."""
''',
    "hidden_tests/test_halve.py": '''\
import pytest


@pytest.mark.points(4)
def test_halve(student, rng):
    """Halves."""
    assert student.halve(rng.random(3)) is not None
''',
    "reference/solution_numpy.py": 'FRAMEWORK = "numpy"\n\n\ndef halve(x, by=2.0):\n    return x / by\n',
}


def folder(tmp_path: Path, brief: bytes, files=FILES) -> Path:
    home = tmp_path / "own"
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    (home / "brief.md").write_bytes(brief)
    return home


def filled(tmp_path: Path, brief: str, files=FILES) -> str:
    return brief_text(load(folder(tmp_path, brief.encode(), files), tasks=TASKS, metrics=METRICS, sources=("folder",)))


@pytest.mark.parametrize(
    "brief", [b"# Own\r\n{a} {#1} \\frac{a}{b}\r\n\r\n", b"\xef\xbb\xbf# Own", b"<b>&amp;</b>\n\n"]
)
def test_a_brief_without_placeholders_comes_out_byte_for_byte(tmp_path, brief):
    assert brief_text(load(folder(tmp_path, brief))).encode() == brief


@pytest.mark.parametrize("name", catalogue())
def test_the_catalogues_briefs_are_filled_in(name):
    text = brief_text(of_catalogue(name))
    assert text.startswith("# ")
    assert "{{" not in text
    assert text.count("\n## ") >= 5


def test_the_functions_are_in_the_interfaces_order_with_the_given_ones_marked(tmp_path):
    assert filled(tmp_path, "# Own <b>\n\n{{ functions }}\n\nEnd.\n") == (
        "# Own <b>\n\n"
        "| function | what it does |\n"
        "|---|---|\n"
        "| `halve(x, by=2.0)` | Each number, divided: `x \\| by`. A second sentence. (you are given it) |\n"
        "| `Adam(lr)` | An optimiser. |\n"
        "| `Adam.step(grads)` | One step. |\n"
        "| `fit(train, val, *, seed, budget_s, log=None)` | A trained model. `budget_s` is CPU seconds; the same seed "
        "gives the same model, with `log` or without. |\n"
        "| `predict(model, inputs)` | The probability of class 1 for each case. Training has not seen these cases. |\n"
        "| `save(model, folder)` | Write the model into `folder`, which may not exist yet. |\n"
        "| `load(folder)` | The model that `save` wrote. |\n"
        "\nEnd.\n"
    )


def test_the_data_are_told_with_shape_dtype_role_and_unit(tmp_path):
    assert filled(tmp_path, "{{ data }}\n") == (
        "| array | shape | dtype | role | what it is |\n"
        "|---|---|---|---|---|\n"
        "| `x` | (N, 3) | float32 | input | length \\| width \\| height in mm |\n"
        "| `y` | (N,) | uint8 | truth, hidden when your model predicts | 1 is malignant |\n"
    )


def test_the_marking_says_points_how_anchors_caps_and_limits(tmp_path):
    assert filled(tmp_path, "{{ marking }}\n") == (
        "| | marks | how |\n"
        "|---|---|---|\n"
        "| tests | 4 | one hidden test of one property of your functions; the feedback says of each "
        "whether it holds |\n"
        "| accuracy | 10 | Balanced accuracy on hidden cases, the median of 3 runs; each calls `fit` with a hidden "
        "seed. 0.5 earns 0 %, 0.6 earns 40 %, 0.7 earns 60 %, 0.8 earns 70 %, 0.9 earns 85 %, 1 earns 100 % of the "
        "marks, with straight lines between. At most 50 % of them while the balanced accuracy is below 0.55. |\n"
        "| report | 6 | a person reads `report.pdf`, at most 2 pages |\n"
        "\n"
        "`fit` has 20 CPU seconds. A hidden test has 20 CPU seconds. A submission may use 2048 MB of memory; "
        "`limits.md` lists all limits.\n"
    )


@pytest.mark.parametrize(
    ("brief", "line", "what", "cure"),
    [
        ("# Own\n\n{{ function }}\n", 3, "'function' is undefined", 'did you mean "functions"?'),
        ("# Own\n{{ functions\n", 2, "unexpected end of template", "correct the template"),
        ("# Own\n\n\n{% if %}\n", 4, "Expected an expression", "correct the template"),
        ("{{ functions.nothing }}\n", 1, "has no attribute 'nothing'", "correct the template"),
        ("\n{{ 1 / 0 }}\n", 2, "division by zero", "correct the template"),
    ],
)
def test_an_error_of_the_template_is_a_problem_of_loading_with_its_line(tmp_path, brief, line, what, cure):
    with pytest.raises(AssignmentError) as error:
        filled(tmp_path, brief)
    (problem,) = error.value.problems
    assert (Path(problem.file).name, problem.line) == ("brief.md", line)
    assert what in problem.what
    assert problem.cure.startswith(cure)
    assert "{% raw %}" in problem.cure


OTHER = "{% if own_cases %}{{ train }} phantoms{% else %}{{ cases }}{% endif %} by {{ mode }}\n"


def test_what_is_said_of_own_cases_has_their_number(tmp_path):
    assert filled(tmp_path, "{{ train }} + {{ val }} + {{ test }}, " + OTHER) == "8 + 0 + 4, 8 phantoms by retrain\n"


def test_an_error_that_only_the_cases_of_a_course_meet_is_one_of_loading(tmp_path):
    with pytest.raises(AssignmentError, match="'phantoms' is undefined"):
        filled(tmp_path, "{% if own_cases %}{{ train }}{% else %}{{ phantoms }}{% endif %}\n")


def test_of_cases_of_a_course_the_brief_says_whose_how_many_and_for_whom(tmp_path):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["synthesis"], val=1, about="Six volunteers, 3 T.")
    own = folder(tmp_path, OTHER.encode(), {})
    assert own == assignment.folder
    proposed_split(assignment, "split").write()
    assert brief_text(assignment) == (
        "Six volunteers, 3 T. You get the cases of 3 subjects to train on, and those of 1 subject (`val`) to choose by."
        " The cases of 2 subjects that are hidden decide your accuracy marks. All cases of a subject are in one part. "
        "They are for this course alone: do not pass them on, and keep them out of your repository. by weights\n"
    )
    alone = as_a_course_sets(tmp_path, APPLICATIONS["synthesis"], run={"mode": "retrain"}, share="none")
    text = brief_text(alone)
    assert text.startswith("None of these cases leaves the place where they were taken.")
    assert (
        "with the cases of 3 subjects, and with those of 1 subject as `val`, and scores your model on those of 2"
        in text
    )
    assert text.endswith("by retrain\n")


def test_the_table_of_a_folder_says_what_is_known_of_its_arrays(tmp_path):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["classification"])
    folder(tmp_path, b"{{ data }}\n", {})
    assert brief_text(assignment).splitlines()[2:] == [
        "| `image` | (N, h, w) | float32 | input | in the unit of its file |",
        "| `y` | (N,) | uint8 | truth, hidden when your model predicts | "
        "the class: 0 head, 1 abdomen, 2 heart, 3 other |",
    ]


def words_of_own_cases(assignment, text):
    """What of a brief holds of the assignment's own cases alone: words, the source's file, their numbers, run times."""
    data, things = assignment.data, "published|hidden|cases|rows|scans|frames|slices|pairs"
    counts = {data.train, data.train - int(data.val), data.test}
    numbers = [rf"(?<![\d.]){count}(?= +({things}))" for count in counts]
    patterns = [
        r"[Pp]hantom", r"\bare drawn\b", r"\bdraws the same\b", r"\bmay draw more\b", "assignments/data/sources",
        re.escape(assignment.data.source), r"[Rr]eferences? (takes?|trains?|needs?|uses?)\b", *numbers,
    ]  # fmt: skip
    return [match[0] for pattern in patterns for match in re.finditer(pattern, text)]


WITH_CASES = [name for name in catalogue() if of_catalogue(name).has_cases]


@pytest.mark.parametrize("name", WITH_CASES)
def test_a_brief_of_the_catalogue_says_nothing_of_its_own_cases_where_a_course_sets_others(name, tmp_path):
    own = of_catalogue(name)
    assert words_of_own_cases(own, brief_text(own)), "the search has to see what it looks for"
    other = overridden(
        own,
        data={"source": "folder", "path": str(tmp_path), "test": 2, "share": "students", "permission": "committee"},
        file=tmp_path / "course.toml",
    )
    text = brief_text(other)
    assert words_of_own_cases(own, text) == []
    assert "decide your accuracy marks" in text
    assert "is better; which score earns how many of the marks is still open" in text


def test_a_brief_of_a_handout_is_not_filled_in_again(tmp_path):
    home = folder(tmp_path, b"{{ functions }}\n")
    (home / "handout.json").write_text("{}")
    assert brief_text(load(home, public=True)) == "{{ functions }}\n"


def test_an_assignment_without_data_says_so(tmp_path):
    start, rest = TOML.partition("[data]")[::2]
    toml = start.replace('task = "classification"\n', "") + "[limits]" + rest.partition("[limits]")[2]
    toml = toml.partition('[[criterion]]\nid = "accuracy"')[0]
    assert (
        filled(tmp_path, "{{ data }}\n", FILES | {"assignment.toml": toml}) == "This assignment comes without data.\n"
    )


def test_arrays_that_only_the_interface_declares_are_read_from_it(tmp_path):
    interface = """\
from typing import TypedDict

import numpy as np
from jaxtyping import Float, Float32, UInt8

from assignments.interface import Model

class Labelled(TypedDict):
    image: list[Float32[np.ndarray, "_ _ 3"]]
    y: UInt8[np.ndarray, "n"]
class Cases(TypedDict):
    image: Float32[np.ndarray, "n h w 3"]
class Prediction(TypedDict):
    prob: Float[np.ndarray, "n"]
def halve(x: float) -> float: ...
def fit(train: Labelled, val: Labelled | None, *, seed: int, budget_s: float) -> Model: ...
def predict(model: Model, inputs: Cases) -> Prediction: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
"""
    toml = TOML.replace('"cases.py"\ntrain = 8\n', '"folder"\npath = "images"\n')
    text = filled(tmp_path, "{{ data }}\n", FILES | {"assignment.toml": toml, "interface.py": interface})
    assert "| `image` | (N, _, _, 3) | float32 | input | in the unit of its file |\n" in text
    assert "| `y` | (N,) | uint8 | truth" in text
