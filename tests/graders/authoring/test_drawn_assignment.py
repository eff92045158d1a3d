"""An assignment from a source that draws its cases: for each task, files that load, train, answer and rehearse."""

import subprocess
import sys

import numpy as np
import pytest

from assignments.data.columns import in_memory
from assignments.derived.brief import brief_text
from assignments.errors import UserError
from assignments.interface import read_interface
from assignments.load import hidden_tests, load, overridden, public_tests
from graders.authoring.bench import drawn, scored
from graders.authoring.drawn_assignment import drawn_assignment, measured_anchors, names_source
from graders.authoring.misconceptions import misconceptions
from graders.authoring.rehearse import rehearse_folder
from graders.metrics import METRICS
from graders.record.answers import Answers
from graders.record.calibration import accuracies
from graders.tasks import TASKS, task_named
from graders.wall.replies import bound, typed

SOURCE = """\
from assignments.data.phantoms import phantoms
from assignments.data.source import Axes

ARRAYS = {{{arrays}}}


def draw(n, rng):
    cases = phantoms(ARRAYS, n, rng, task="{task}", classes={classes})
    if cases.get("y") is not None and cases["y"].dtype == "uint8" and "image" in cases:
        # A texture for each class: brightness alone would be gone after `normalise`.
        for image, y in zip(cases["image"], cases["y"].reshape(n, -1)[:, 0]):
            image[..., ::2, ::2] += y
    return cases
"""
CASES = {
    "rows": ("classification", 3, "x: 12", "y uint8:"),
    "pictures": ("classification", 3, "image: 16 20", "y uint8:"),
    "colours": ("classification", 2, "image: 3 16 20", "y uint8:"),
    "volumes": ("classification", 2, "image: 6 16 20", "spacing: 3", "y uint8:"),
    "findings": ("multilabel", 2, "image: 16 20", "y uint8: 4"),
    "risks": ("multilabel", 2, "x: 12", "y uint8: 4"),
    "ages": ("regression", 2, "x: 12", "y float32:"),
    "bone_ages": ("regression", 2, "image: 16 20", "y float32:"),
    "lesions": ("segmentation", 2, "image: 16 20", "label uint8: 16 20"),
    "organs": ("label_maps", 3, "image: 2 6 16 20", "spacing: 3", "label uint8: 6 16 20"),
    "contrast": ("synthesis", 2, "image: 16 20", "target float32: 16 20"),
    "fusion": ("synthesis", 2, "image: 2 6 16 20", "target float32: 6 16 20", "mask uint8: 6 16 20"),
    "motion": ("registration", 2, "fixed: 16 20", "moving: 16 20", "labels uint8: 2 16 20"),
    "breathing": (
        "registration", 2, "fixed: 6 16 20", "moving: 6 16 20", "spacing: 3", "labels uint8: 2 6 16 20",
        "landmarks float32: 2 5 3",
    ),
}  # fmt: skip


def source(folder, name):
    """A source of phantoms in a file; the arrays without a dtype are inputs."""
    task, classes, *lines = CASES[name]
    arrays = []
    for line in lines:
        words, _, axes = line.partition(":")
        key, _, dtype = words.partition(" ")
        role = ', role="truth"' if dtype else ""
        arrays.append(f'"{key}": Axes("{dtype or "float32"}", "{axes.strip()}"{role})')
    path = folder / "scans.py"
    path.write_text(SOURCE.format(arrays=", ".join(arrays), task=task, classes=classes))
    return str(path)


def started(tmp_path, name):
    drawn_assignment(name, source(tmp_path, name), tmp_path).write()
    return load(tmp_path / name, tasks=TASKS, metrics=METRICS)


@pytest.fixture(scope="module")
def torch():
    """PyTorch with one thread: more of them wait for each other where other tests run."""
    library = pytest.importorskip("torch")
    threads = library.get_num_threads()
    library.set_num_threads(1)
    yield library
    library.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_files_for_each_task_fit_together_and_the_reference_learns(tmp_path, torch, name):
    assignment = started(tmp_path, name)
    assert assignment.task == CASES[name][0]
    (test,) = hidden_tests(assignment)
    (mistake,) = misconceptions(assignment)
    assert mistake.fails == (test.id,)
    assert len(public_tests(assignment)) == 2
    texts = {path.name: path.read_text() for path in assignment.folder.rglob("*.*") if path.name != "brief.md"}
    assert not [name for name, text in texts.items() if "{{" in text or "{%" in text]
    brief = brief_text(assignment)
    arrays = [line.partition(":")[0].partition(" ")[0] for line in CASES[name][2:]]
    assert [key for key in arrays if f"| `{key}` |" not in brief] == []
    (function,) = set(read_interface(assignment.folder / "interface.py").functions) - {"fit", "predict", "save", "load"}
    assert f"| `{function}(" in brief

    one_run = overridden(assignment, run={"mode": "retrain", "seeds": 1}, data={"train": 60, "val": 12, "test": 30})
    interface = read_interface(assignment.folder / "interface.py")
    hidden = drawn(one_run, interface, 0)
    scope = {"__name__": "solution"}
    exec(compile((assignment.folder / "reference/solution_pytorch.py").read_text(), "solution.py", "exec"), scope)
    if assignment.task in ("segmentation", "label_maps", "synthesis"):
        scope["STEPS"] = 75
    lines = []
    model = scope["fit"](hidden.train, hidden.val, seed=1, budget_s=60.0, log=lambda *line: lines.append(line))
    assert len(lines) == scope["STEPS"] / 25
    assert max(val for _, _, val in lines) > lines[0][2]
    assert scope["mean_loss"](model, hidden.val) == pytest.approx(-max(val for _, _, val in lines), rel=1e-4)

    inputs = {key: in_memory(hidden.inputs[key]) for key in interface.fields("predict", "inputs")}
    answer = scope["predict"](model, inputs)
    predict = interface.functions["predict"]
    with bound(predict, (model, inputs), {}):
        typed(answer, predict.signature.return_annotation, lambda value: value)  # as declared, or it raises
    alone = scope["predict"](model, {key: array[:1] for key, array in inputs.items()})
    key = task_named(assignment.task).prediction
    assert np.allclose(answer[key][:1], alone[key], atol=1e-4, rtol=1e-3)
    scope["save"](model, str(tmp_path / "saved"))
    again = scope["predict"](scope["load"](str(tmp_path / "saved")), inputs)
    assert np.array_equal(again[key], answer[key])

    (criterion,) = accuracies(assignment)
    score = scored(one_run, hidden, Answers(answer))["accuracy"].measurement.score
    assert criterion.anchors.sign * score > criterion.anchors.sign * criterion.anchors.trivial


def test_every_file_is_as_ruff_would_write_it(tmp_path):
    for name in CASES:
        (tmp_path / name).mkdir()
        started(tmp_path / name, name)
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "format",
        "--check",
        "--line-length",
        "120",
        "--exclude",
        "scans.py",
        tmp_path,
    ]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_started_assignment_is_proven_as_it_is(tmp_path, monkeypatch, torch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    started(tmp_path, "rows")
    rehearsal = rehearse_folder(tmp_path / "rows")
    assert rehearsal.passed
    assert rehearsal.references == {"pytorch": (20, 20)}
    assert [gap.what for gap in rehearsal.gaps] == ["is missing"]  # its calibration
    assert [(proof.mutants, proof.survivors) for proof in rehearsal.proofs] == [(5, ())]


def test_a_source_of_medmark_is_named_and_its_task_follows_from_its_truth(tmp_path):
    new = drawn_assignment("cells", "breast_cancer", tmp_path)
    assert (new.task, new.classes) == ("classification", ("0", "1"))
    new.write()
    assert load(tmp_path / "cells").data.source == "breast_cancer"


def test_anchors_begin_a_little_above_the_best_trivial_answer(tmp_path):
    assignment = started(tmp_path, "rows")
    # Whoever always answers one of two classes, or the frequencies of three, has a balanced accuracy of 1 / 3.
    anchors = accuracies(assignment)[0].anchors
    assert anchors.trivial == pytest.approx(1 / 3 + 0.05 * 2 / 3, abs=1e-3)
    assert anchors.pass_ == pytest.approx(1 / 3 + 0.3 * 2 / 3, abs=1e-3)
    assert measured_anchors(assignment.folder).startswith("{ trivial = 0.367, pass = 0.533,")


def test_a_trivial_answer_that_is_perfect_leaves_the_guesses(tmp_path):
    name = source(tmp_path, "ages")
    still = (tmp_path / "scans.py").read_text().replace("    return cases", '    return {**cases, "y": 0 * cases["y"]}')
    (tmp_path / "scans.py").write_text(still)
    drawn_assignment("ages", name, tmp_path).write()
    assert accuracies(load(tmp_path / "ages"))[0].anchors.trivial == 100


def test_what_names_a_source_and_what_a_folder():
    assert [names_source(word) for word in ("prostate_mr", "own/scans.py", "scans", "./prostate_mr")] == [
        True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("id", "data", "task", "says"),
    [
        ("My Data", "prostate_mr", None, '"My Data" cannot be an id'),
        (
            "own",
            "prostate_mr",
            "classification",
            'its cases have image, label, spacing; the task classification needs "y"',
        ),
        ("own", "prostate_mr", "segmentaton", 'did you mean "segmentation"'),
        ("own", "prostate_mr", "instances", "cannot start the task instances"),
        ("own", "promise12", None, "reads subjects from a folder. Name that: medmark new own --data FOLDER"),
        ("own", "none.py", None, "but there is no file"),
    ],
)
def test_what_cannot_be_started_is_said_and_nothing_is_written(tmp_path, id, data, task, says):
    with pytest.raises(UserError, match=says):
        drawn_assignment(id, data, tmp_path, task)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_author_is_not_overwritten_and_a_source_in_the_folder_stays(tmp_path):
    (tmp_path / "rows").mkdir()
    new = drawn_assignment("rows", source(tmp_path / "rows", "rows"), tmp_path)
    (tmp_path / "rows/brief.md").write_text("Mine.\n")
    with pytest.raises(UserError, match=r"brief\.md is there already"):
        new.write()
    assert sorted(path.name for path in (tmp_path / "rows").iterdir()) == ["brief.md", "scans.py"]
    (tmp_path / "rows/brief.md").unlink()
    new.write()
    assert load(tmp_path / "rows").data.source == "scans.py"
