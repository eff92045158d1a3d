"""What an interface.py lacks is derived from task and data, and reads as if a person had written it."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from assignments.assignment import Assignment
from assignments.data.source import Axes
from assignments.derived.declarations import declarations
from assignments.derived.interface import interface_text, solution_interface
from assignments.errors import UserError
from assignments.folders import CATALOGUE, AssignmentError
from assignments.interface import read_interface
from assignments.load import load
from assignments.task_forms import TASK_FORMS
from graders.metrics import METRICS
from graders.tasks import TASKS

IMPLIED = {"fit", "predict", "save", "load", "Rows", "Labelled", "Prediction"}
TOML = """\
id = "own"
title = "Own"
task = "{task}"
frameworks = ["numpy"]
[data]
source = "cases.py"
train = 8
test = 4
[run]
mode = "retrain"
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 10
metric = "{metric}"
anchors = {{ trivial = 0.1, pass = 0.2, merit = 0.3, distinction = 0.4, reference = 0.5, ceiling = 0.6 }}
"""
CASES = """\
import numpy as np

from assignments.data.source import Axes

ARRAYS = {arrays}


def draw(n, rng):
    return {{}}
"""
ROWS = (
    '{"x": Axes("float32", "3", doc="length, width and height in mm"), '
    '"y": Axes("uint8", "", role="truth", doc="1 is malignant")}'
)


def folder(tmp_path: Path, interface: str | None = None, arrays: str = ROWS, task: str = "classification") -> Path:
    home = tmp_path / "own"
    home.mkdir(exist_ok=True)
    metric = {"classification": "balanced_accuracy", "segmentation": "dice"}[task]
    (home / "assignment.toml").write_text(TOML.format(task=task, metric=metric))
    (home / "brief.md").write_text("Do it.\n")
    (home / "cases.py").write_text(CASES.format(arrays=arrays))
    if interface is not None:
        (home / "interface.py").write_text(interface)
    return home


def loaded(home: Path) -> Assignment:
    return load(home, tasks=TASKS, metrics=METRICS, sources=())


def without(text: str, names: set[str]) -> str:
    lines = text.splitlines()
    tree = ast.parse(text)
    for node in reversed(tree.body):
        if getattr(node, "name", "") in names:
            del lines[node.lineno - 1 : (node.end_lineno or 0) + 2]
    return "\n".join(lines).strip() + "\n"


def kinds(function) -> dict[str, object]:
    """The declaration of a function, with the fields of its TypedDicts in place of their names."""

    def plain(hint: object) -> object:
        for member in typing.get_args(hint) or (hint,):
            if typing.is_typeddict(member):
                return {key: str(value) for key, value in typing.get_type_hints(member, include_extras=True).items()}
        return str(hint)

    signature = function.signature
    hints = {name: (plain(each.annotation), each.kind, each.default) for name, each in signature.parameters.items()}
    return {**hints, "return": plain(signature.return_annotation)}


def test_a_complete_interface_is_read_byte_for_byte_as_it_is():
    for name in ("backprop", "classic_methods", "conv_blocks"):
        home = CATALOGUE / name
        assert interface_text(load(home)).encode() == (home / "interface.py").read_bytes()


def test_derived_declarations_say_what_a_hand_written_interface_says(tmp_path):
    home = tmp_path / "classic_methods"
    shutil.copytree(CATALOGUE / "classic_methods", home)
    text = re.sub(r" +subject: .*\n", "", (home / "interface.py").read_text())  # no source has to declare it
    (home / "interface.py").write_text(text)
    written = read_interface(home / "interface.py")
    (home / "interface.py").write_text(without(text, IMPLIED))
    derived = solution_interface(load(home))
    assert derived.names == written.names
    for name in IMPLIED & written.names:
        assert kinds(derived.functions[name]) == kinds(written.functions[name]), name


def test_the_text_and_the_interface_that_is_asked_are_the_same(tmp_path):
    home = tmp_path / "classic_methods"
    shutil.copytree(CATALOGUE / "classic_methods", home)
    (home / "interface.py").write_text(without((home / "interface.py").read_text(), IMPLIED))
    assignment = load(home)
    path = tmp_path / "interface.py"
    path.write_text(interface_text(assignment))
    of_text, asked = read_interface(path), solution_interface(assignment)
    assert list(of_text.functions) == list(asked.functions)
    assert {n: kinds(f) for n, f in of_text.functions.items()} == {n: kinds(f) for n, f in asked.functions.items()}
    assert {n: f.doc for n, f in of_text.functions.items()} == {n: f.doc for n, f in asked.functions.items()}


def test_without_a_file_everything_is_derived_and_formatted(tmp_path):
    text = interface_text(loaded(folder(tmp_path)))
    assert text == interface_text(loaded(tmp_path / "own"))
    assert '    x: Float32[np.ndarray, "n 3"]  # length, width and height in mm\n' in text
    assert '    y: UInt8[np.ndarray, "n"]  # 1 is malignant\n' in text
    assert "class Rows(TypedDict):" in text
    assert '    prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]\n' in text
    assert re.findall(r"^def (\w+)", text, re.M) == ["fit", "predict", "save", "load"]
    ruff_leaves(tmp_path, text)


def ruff_leaves(tmp_path: Path, text: str) -> None:
    """Ruff would neither move, remove nor format anything."""
    path = tmp_path / "as_text.py"
    path.write_text(text)
    config = Path(__file__).parents[3] / "pyproject.toml"
    for command in (["check", "--select", "I,F401,UP"], ["format", "--check", "--diff"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", str(config), str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "own",
    [
        '"""Mine."""\n\nimport os\nfrom typing import Any  # all\n\n\ndef mine(x: Any) -> int:\n    """Mine."""\n',
        '"""Mine."""\n\n\ndef mine(x: float) -> float:\n    """Mine."""\n',
        "from jaxtyping import Float64\nimport numpy as np\n\n\n"
        'def mine(x: Float64[np.ndarray, "n"]) -> float:\n    """Mine."""\n',
    ],
)
def test_a_partial_file_keeps_its_text_and_imports_are_added_to_its_own(tmp_path, own):
    text = interface_text(loaded(folder(tmp_path, own)))
    assert own[own.index("def mine") :].strip() in text
    assert list(solution_interface(loaded(tmp_path / "own")).functions) == ["mine", "fit", "predict", "save", "load"]
    for line in own.splitlines():
        if "import" in line and "jaxtyping" not in line and "typing" not in line:
            assert line in text
    compile(text, "interface.py", "exec")
    assert text.index("class Rows") < text.index("def mine") < text.index("def fit")


def test_what_the_file_declares_wins_name_by_name_types_too(tmp_path):
    own = (
        "from typing import TypedDict\n\nimport numpy as np\nfrom jaxtyping import Float32, Num\n\n\n"
        'class Rows(TypedDict):\n    x: Float32[np.ndarray, "n d"]\n\n\n'
        'def save(model: object, folder: str, name: str = "weights") -> None:\n    """Mine."""\n'
    )
    interface = solution_interface(loaded(folder(tmp_path, own)))
    assert list(interface.functions["save"].signature.parameters) == ["model", "folder", "name"]
    record = interface.functions["predict"].signature.parameters["inputs"].annotation
    assert typing.get_type_hints(record)["x"].dim_str == "n d"
    assert "3" in str(typing.get_type_hints(interface.functions["fit"].signature.parameters["train"].annotation)["x"])


def test_an_own_function_may_use_a_derived_type(tmp_path):
    own = "def share(train: Labelled) -> float:\n    ...\n"
    interface = solution_interface(loaded(folder(tmp_path, own)))
    record = interface.functions["share"].signature.parameters["train"].annotation
    assert set(typing.get_type_hints(record)) == {"x", "y"}


def test_a_problem_of_the_file_has_its_own_line_although_types_are_derived_before_it(tmp_path):
    with pytest.raises(AssignmentError) as error:
        loaded(folder(tmp_path, "\n\nx = 1 / 0\n"))
    (problem,) = error.value.problems
    assert (problem.line, problem.key) == (3, "")
    assert "ZeroDivisionError" in problem.what


def test_images_of_any_size_are_stacked_where_a_generator_draws_them(tmp_path):
    arrays = '{"image": Axes("float32", "h w"), "label": Axes("uint8", "h w", role="truth")}'
    interface = solution_interface(loaded(folder(tmp_path, arrays=arrays, task="segmentation")))
    fields = typing.get_type_hints(interface.functions["fit"].signature.parameters["train"].annotation)
    assert {key: hint.dim_str for key, hint in fields.items()} == {"image": "n h w", "label": "n h w"}
    answer = typing.get_type_hints(interface.functions["predict"].signature.return_annotation)
    assert answer["prob"].dim_str == "n h w"


CT = {"image": Axes("float32", "d h w"), "label": Axes("uint8", "d h w", role="truth"), "spacing": Axes("float32", "3")}


def test_cases_of_different_sizes_reach_fit_in_lists_and_predict_stacked():
    pieces = declarations(TASK_FORMS["segmentation"], CT, classes=0, listed=True)
    assert 'image: list[Float32[np.ndarray, "_ _ _"]]' in pieces.types["Labelled"]
    assert 'spacing: Float32[np.ndarray, "n 3"]' in pieces.types["Labelled"]
    assert 'image: Float32[np.ndarray, "n d h w"]' in pieces.types["Volumes"]


@pytest.mark.parametrize(
    ("task", "arrays", "classes", "prediction"),
    [
        ("classification", {"x": Axes("float32", "3"), "y": Axes("uint8", "", role="truth")}, 4, '"n 4"'),
        ("classification", {"x": Axes("float32", "3"), "y": Axes("uint8", "", role="truth")}, 2, '"n"'),
        ("multilabel", {"image": Axes("float32", "h w"), "y": Axes("uint8", "5", role="truth")}, 0, '"n 5"'),
        (
            "regression",
            {"x": Axes("float32", "3"), "y": Axes("float32", "", role="truth")},
            0,
            'Float[np.ndarray, "n"]',
        ),
        (
            "synthesis",
            {"image": Axes("float32", "2 h w"), "target": Axes("float32", "h w", role="truth")},
            0,
            'image: Float[np.ndarray, "n h w"]',
        ),
        (
            "registration",
            {k: Axes("float32", "d h w") for k in ("fixed", "moving")} | {"labels": Axes("uint8", "2 d h w", "truth")},
            0,
            'field: Float[np.ndarray, "n 3 d h w"]',
        ),
        ("label_maps", CT, 3, 'label: UInt8[np.ndarray, "n d h w"]'),
    ],
)
def test_each_task_declares_its_prediction(task, arrays, classes, prediction):
    pieces = declarations(TASK_FORMS[task], arrays, classes=classes, listed=False)
    assert prediction in pieces.types["Prediction"]


def test_a_missing_file_is_needed_where_a_folder_has_to_be_opened_to_know_its_arrays(tmp_path):
    home = folder(tmp_path)
    toml = (home / "assignment.toml").read_text()
    (home / "assignment.toml").write_text(toml.replace('"cases.py"\ntrain = 8\n', '"folder"\npath = "images"\n'))
    with pytest.raises(AssignmentError, match=r"interface\.py: is missing"):
        load(home)


def test_a_handout_is_read_as_it_is(tmp_path):
    home = folder(tmp_path, "def mine(x: float) -> float: ...\n")
    (home / "handout.json").write_text("{}")
    assert list(solution_interface(load(home, public=True)).functions) == ["mine"]


def test_a_missing_file_that_tests_need_is_an_error_that_names_it(tmp_path):
    home = folder(tmp_path)
    assignment = loaded(home)
    tests_only = assignment.model_copy(update={"criteria": ()})
    assert interface_text(tests_only) == ""
    (home / "handout.json").write_text("{}")
    with pytest.raises(UserError, match=r"interface\.py is missing"):
        interface_text(assignment)


def test_a_derived_function_has_no_line_of_the_file(tmp_path):
    interface = solution_interface(loaded(folder(tmp_path, "def mine(x: float) -> float: ...\n")))
    assert (interface.functions["mine"].line, interface.functions["fit"].line) == (1, None)
    assert inspect.getdoc(interface.functions["fit"]) is not None
