"""`check` tries the model that marking will ask for, where the public tests alone would pass."""

from __future__ import annotations

import io
import re
from unittest import mock

import numpy as np
import pytest
import typer

import cli
from assignments.load import load
from graders.intake.static_checks import static_checks
from graders.marks.cures import MAP_LOCATION
from graders.runs.model_check import NO_CURVE, NO_GPU, try_solution
from graders.runs.public_check import checked_solution
from graders.wall.sandboxes import gpus
from graders.wall.sandboxes.local import Local
from reports.model_lines import model_lines
from tests.graders.intake.test_weight_files import saved
from tests.graders.wall.sandboxes.nvidia import MISMATCH, TWO, nvidia_smi
from tests.small_course import SOUND, medmark, write_assignment

torch = pytest.importorskip("torch")

READS = """
def load(folder):
    import os
    model = Threshold()
    model.value = float(np.load(os.path.join(folder, "w.npy")))
    return model
"""


@pytest.fixture
def assignment(tmp_path):
    """The small assignment in weights mode: marking loads what `save` wrote."""
    return written(tmp_path / "halves", mode="weights")


@pytest.fixture
def tried(assignment, tmp_path):
    """What `check` finds in a solution whose `load` reads w.npy, with this file of weights."""

    def of(source=SOUND + READS, weights=None, name="w.npy"):
        write_solution(tmp_path / "work", source, weights, name)
        return trial(assignment, tmp_path / "work")

    return of


def trial(assignment, folder):
    return try_solution(assignment, checked_solution(assignment, folder))


def written(folder, mode, **replaced):
    write_assignment(folder)
    path = folder / "assignment.toml"
    text = path.read_text().replace('mode = "retrain"', f'mode = "{mode}"')
    for old, new in replaced.values():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return load(folder)


def write_solution(folder, source, weights=None, name="w.npy"):
    folder.mkdir()
    (folder / "solution.py").write_text(source)
    if weights is not None:
        (folder / "weights").mkdir()
        (folder / "weights" / name).write_bytes(weights)


def stored(number):
    """The bytes of np.save: version 1, a header of 118 bytes, one float64."""
    file = io.BytesIO()
    np.save(file, np.float64(number))
    return file.getvalue()


def hand_out(assignment, **parts):
    """Write cases as a handout has them: halves that differ by `y` times 2, so that a threshold of 1 is right."""
    (assignment.folder / "data").mkdir()
    (assignment.folder / "rows.py").write_text("def draw(n, rng): raise AssertionError('not drawn')\n")
    for name, labels in parts.items():
        y = np.array(labels, np.uint8)
        x = np.zeros((len(y), 4), np.float32)
        x[:, 3] = 2 * y
        np.savez(assignment.folder / f"data/{name}.npz", x=x, y=y, subject=np.arange(len(y)))


def test_weights_that_load_and_answer_are_no_problem(tried):
    assert tried(weights=stored(1.0)).model.problem == ""


@pytest.mark.parametrize(("listing", "code", "on_gpu"), [(TWO, 0, True), ("", 0, False), (MISMATCH, 18, False)])
def test_where_the_marker_has_a_gpu_and_this_machine_none_everything_is_tried_on_the_cpu_and_a_note_says_so(
    assignment, tmp_path, monkeypatch, listing, code, on_gpu
):
    nvidia_smi(tmp_path, monkeypatch, listing, code=code)
    monkeypatch.setattr(gpus, "LOCKS", tmp_path / "locks")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    limits = assignment.limits.model_copy(update={"gpus": 1})
    write_solution(tmp_path / "work", SOUND + READS, stored(1.0))
    model = trial(assignment.model_copy(update={"limits": limits}), tmp_path / "work").model
    assert (model.problem, model.on_gpu, NO_GPU in model.notes) == ("", on_gpu, not on_gpu)
    assert ("without a GPU" in next(model_lines(model))) is not on_gpu


def test_a_fit_without_the_log_that_the_interface_declares_is_tried_and_its_missing_curve_is_a_note(tmp_path):
    assignment = written(tmp_path / "halves", mode="retrain")
    interface = tmp_path / "halves/interface.py"
    assert "budget_s: float)" in interface.read_text()
    interface.write_text(interface.read_text().replace("budget_s: float)", "budget_s: float, log: object = None)"))
    with_log = SOUND.replace("budget_s):", "budget_s, log=None):")
    for number, (source, notes) in enumerate([(SOUND, (NO_CURVE,)), (with_log, ())]):
        write_solution(tmp_path / str(number), source)
        model = trial(assignment, tmp_path / str(number)).model
        assert (model.problem, model.notes) == ("", notes)


@pytest.mark.parametrize(
    ("source", "weights", "words"),
    [
        (SOUND + READS, None, "in load: the call raised an exception (FileNotFoundError), at solution.py:"),
        (SOUND + READS, b"no array", "in load: the call raised an exception (ValueError), at solution.py:"),
        (SOUND.replace("def load", "def lode"), b"", "in load: the required function or class is not in the solution"),
        (SOUND.replace("np.float32)}", "np.int64)}"), b"", "the answer has the wrong type"),
        (SOUND.replace("model.value)", "model.mean)"), b"", "the call raised an exception (AttributeError)"),
    ],
)
def test_weights_that_do_not_load_or_answer_are_reported_with_the_reason(tried, source, weights, words):
    assert tried(source, weights).model.problem.startswith(words)


@pytest.mark.parametrize(
    ("weights", "name", "cure"),
    [
        (None, "", "weights/ holds no file: git add -f weights/, commit and push"),
        (stored(1.0), "best.npy", "there are weights/best.npy. `load` receives the folder: open Path(folder) / NAME"),
        (b"", "w.npy", "weights/w.npy is empty: save it again, and commit it"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "w.npy",
            "weights/w.npy is a Git LFS pointer and not the weights: commit the file itself",
        ),
    ],
)
def test_the_cure_of_weights_follows_from_the_files_that_are_there(tried, weights, name, cure):
    assert tried(weights=weights, name=name).model.cure.startswith(cure)


LOADS_TORCH = """
import torch


def load(folder):
    return torch.load(folder + "/w.pt")
"""


@pytest.mark.parametrize("device", ["mps:0", "cuda:1"])
def test_weights_from_a_gpu_fail_as_on_the_marker_whatever_this_machine_has(tmp_path, device):
    assignment = written(
        tmp_path / "halves", mode="weights", frameworks=('["numpy"]', '["pytorch"]'), memory=("= 512", "= 4096")
    )
    source = SOUND.replace('"numpy"', '"pytorch"') + LOADS_TORCH
    write_solution(tmp_path / "work", source, saved({"w": torch.zeros(1)}, device), "w.pt")
    model = trial(assignment, tmp_path / "work").model
    assert "Attempting to deserialize object on a" in model.problem
    assert model.cure == f"weights/w.pt was saved on {device}, and the marker has only a CPU: {MAP_LOCATION}"


def test_a_hand_in_without_any_weights_is_reported_before_it_runs(assignment, tmp_path):
    write_solution(tmp_path / "work", SOUND + READS)
    (tmp_path / "work/data").mkdir()
    (tmp_path / "work/data/train.npz").write_bytes(b"the handout's cases")
    (problem,) = static_checks(tmp_path / "work", assignment, lambda _: None).problems
    assert problem == "weights/ holds no file, but load() gets that folder: git add -f weights/, commit and push"


def test_weights_are_scored_on_the_validation_cases_of_the_handout(assignment, tried):
    hand_out(assignment, train=[0, 1] * 5, val=[0, 1, 1, 1])
    model = tried(weights=stored(1.0)).model
    assert (model.cases, model.subjects, model.seen) == (4, 4, False)
    (score,) = model.scores
    assert score.measured.score == 1.0


def test_a_threshold_above_all_differences_is_right_for_the_negative_quarter_alone(assignment, tried):
    hand_out(assignment, train=[0, 1] * 5, val=[0, 1, 1, 1])
    (score,) = tried(weights=stored(5.0)).model.scores
    assert score.measured.score == 0.25


def test_the_command_says_why_a_metric_has_no_value_on_the_validation_cases(tmp_path):
    assignment = written(tmp_path / "halves", mode="weights", metric=('metric = "accuracy"', 'metric = "auroc"'))
    hand_out(assignment, train=[0, 1] * 5, val=[1, 1, 1, 1])
    write_solution(tmp_path / "work", SOUND + READS, stored(1.0))
    process = medmark("check", tmp_path / "halves", "--folder", "work", cwd=tmp_path)
    assert process.code == 0, process.out
    assert "nan" not in process.out
    assert "AUROC has no value on these cases:" in process.out


def test_without_validation_cases_the_model_may_have_seen_all_of_them(assignment, tried):
    hand_out(assignment, train=[0, 1] * 5)
    model = tried(weights=stored(1.0)).model
    assert (model.cases, model.seen) == (10, True)


def test_cases_of_a_file_for_each_subject_are_tried_too(assignment, tried):
    (assignment.folder / "data/val").mkdir(parents=True)
    hand_out_one_by_one(assignment, "train", [0, 1, 0])
    hand_out_one_by_one(assignment, "val", [1, 1])
    model = tried(weights=stored(1.0)).model
    assert (model.cases, model.seen, model.problem) == (2, False, "")


def hand_out_one_by_one(assignment, part, labels):
    (assignment.folder / "data" / part).mkdir(parents=True, exist_ok=True)
    for number, label in enumerate(labels):
        x = np.array([[0, 0, 0, 2 * label]], np.float32)
        np.savez(assignment.folder / f"data/{part}/{number:04d}.npz", x=x, y=np.array([label], np.uint8))


def test_a_retrained_model_is_scored_on_subjects_that_fit_did_not_receive(tmp_path):
    assignment = written(tmp_path / "halves", mode="retrain")
    hand_out(assignment, train=[0, 1] * 5)
    remembers = (
        SOUND.replace("return Threshold()", "return tell(train)", 1)
        + """

def tell(train):
    raise ValueError(f"subjects {sorted(train['subject'].tolist())}")
"""
    )
    write_solution(tmp_path / "work", remembers)
    model = trial(assignment, tmp_path / "work").model
    assert (model.trained, model.cases, model.seen) == (True, 2, False)  # a fifth of ten subjects
    trained = {int(number) for number in re.search(r"subjects \[(.+)\]", model.problem)[1].split(", ")}
    assert len(trained) == 8
    assert trained < set(range(10))


def test_a_fit_that_needs_more_than_the_brief_budget_has_the_whole_budget(tmp_path, monkeypatch):
    monkeypatch.setattr("graders.runs.model_check.BRIEF_S", 0.5)
    monkeypatch.setattr("graders.asking.asked_model.BUDGET_START_S", 0.0)
    monkeypatch.setattr("graders.asking.asked_model.BUDGET_SLACK", 1.0)
    assignment = written(tmp_path / "halves", mode="retrain")
    counts = (
        SOUND.replace("    return Threshold()", "    burn()\n    return Threshold()", 1)
        + """

def burn():
    import time
    start = time.process_time()
    while time.process_time() - start < 1.0:
        pass
"""
    )
    write_solution(tmp_path / "work", counts)
    assert trial(assignment, tmp_path / "work").model.problem == ""


def test_an_import_that_fails_is_told_once_and_nothing_else_is_asked(tried):
    result = tried('import numpy as np\nFRAMEWORK = "numpy"\n1 / 0\n')
    assert result.model is None
    assert result.problem.startswith("the solution could not be imported (ZeroDivisionError), at solution.py:3")


def test_an_import_that_never_ends_is_ended_with_a_cure(tried, monkeypatch):
    monkeypatch.setattr("graders.runs.model_check.IMPORT_S", 1.0)
    result = tried('FRAMEWORK = "numpy"\nwhile True:\n    pass\n')
    assert result.problem.startswith("the CPU time limit was reached")
    assert "Look for an endless loop" in result.cure


def test_a_check_opens_one_sandbox_and_reads_the_sources_once(assignment, tmp_path):
    """Each sandbox imports the framework: TensorFlow takes 5 CPU s."""
    hand_out(assignment, train=[0, 1] * 5, val=[0, 1, 1, 1])
    write_solution(tmp_path / "work", SOUND + READS, stored(1.0))
    with (
        mock.patch.object(Local, "open", autospec=True, side_effect=Local.open) as opened,
        mock.patch("graders.runs.public_check.static_checks", side_effect=static_checks) as checked,
        pytest.raises(typer.Exit) as ended,
    ):
        cli.check(str(tmp_path / "halves"), tmp_path / "work")
    assert ended.value.exit_code == 0
    assert (opened.call_count, checked.call_count) == (1, 1)


def test_the_command_tells_score_and_anchors_of_unseen_cases_alone(assignment, tmp_path):
    hand_out(assignment, train=[0, 1] * 5, val=[0, 1, 1, 1])
    write_solution(tmp_path / "work", SOUND + READS, stored(1.0))
    process = medmark("check", tmp_path / "halves", "--folder", "work", cwd=tmp_path)
    assert process.code == 0
    assert "accuracy 1.000" in process.out
    assert "trivial 0.5, pass 0.6, merit 0.7, distinction 0.8, reference 0.9, ceiling 1" in process.out
    (assignment.folder / "data/val.npz").unlink()
    process = medmark("check", tmp_path / "halves", "--folder", "work", cwd=tmp_path)
    assert "accuracy 1.000 on cases that your model has seen: no forecast." in process.out
    assert "distinction" not in process.out


def test_the_check_fails_where_only_the_weights_do(assignment, tmp_path):
    write_solution(tmp_path / "work", SOUND + READS)
    process = medmark("check", tmp_path / "halves", "--folder", "work", cwd=tmp_path)
    assert process.code == 1
    assert "1 of 1 public tests passed" in process.out
    assert ":( `load` reads the weights without a GPU, and `predict` answers for" in process.out
    assert "FileNotFoundError" in process.out
