"""Whole submissions through the marker: the result of every behaviour of `tests/example_groups`, on the local sandbox.

The behaviours are answered by the real keeper, the real workers and pytest; only the container is missing.
"""

import functools
import os
import re
import shutil
import struct
import time
from dataclasses import asdict, replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from assignments.load import find, load, overridden
from graders import grade
from graders.failures import EngineFailure
from graders.record.documents import Cause, Phrase, Trouble, to_json
from graders.record.read_documents import job_result
from graders.scoring import explained
from graders.wall import session as sessions
from graders.wall.sandboxes.local import Local
from graders.wall.sandboxes.pipes import Pipes
from graders.wall.session import Session
from tests.jobs import job_here
from tests.pools import first_secret

GROUPS = Path(__file__).parents[1] / "example_groups"
CASES = 12
SCALE, LOSS, LEARNS, AGAIN = (f"test_tiny.py::test_{name}" for name in ("scale", "loss", "learns", "again"))
TESTS = (SCALE, LOSS, LEARNS, AGAIN)
SECRET = b"of these tests, 32 bytes or so.."


def run(group, kept_in, folder=GROUPS / "assignment", assignment=None, solution=None, **changes):
    """What comes of all tests and one repeat of a group."""
    stages = {"tests": TESTS, "repeats": (0,), "scores": ("accuracy",), "secret": SECRET, **changes}
    chosen = assignment or load(folder)
    return grade.grade(*job_here(chosen, solution or GROUPS / group, kept_in, group=group, **stages))


class Recorded:
    """All that crossed to the keepers, by any channel."""

    def __init__(self, monkeypatch):
        self.written = bytearray()
        plain = Pipes.write

        def write(channel, data):
            count = plain(channel, data)
            self.written += data[:count]
            return count

        monkeypatch.setattr(Pipes, "write", write)


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """The document of a group, made once: `marked("perfect")`."""

    @functools.cache
    def marked(group):
        with pytest.MonkeyPatch.context() as patch:
            if group == "loops_forever":  # on a loaded machine the wall limit may come first
                patch.setattr(sessions, "WALL_FACTOR", 60.0)
            return run(group, tmp_path_factory.mktemp(group))

    return marked


PASSED = ("passed", None)
WRONG = ("failed", "wrong_answer")


def failed(reason):
    return ("failed", reason)


SHAPE, NAN = failed("wrong_shape"), failed("not_finite")
TYPE, CPU = failed("wrong_type"), failed("cpu_limit")
WALL, MEMORY = failed("wall_limit"), failed("memory_limit")
IMPORT, ENDED = failed("import_failed"), failed("process_ended")
MISSING = failed("missing_function")
LARGE = failed("reply_too_large")
UNREADABLE, RAISED = failed("protocol_violation"), failed("raised")

BEHAVIOURS = {
    # group: (scale, loss, learns, again), how many hidden cases were answered
    "perfect": (PASSED, PASSED, PASSED, PASSED, CASES),
    **dict.fromkeys(
        (f"honest_{kind}_model" for kind in ("dict", "tuple", "list", "array")), (PASSED, PASSED, PASSED, PASSED, CASES)
    ),
    "wrong_shape": (SHAPE, PASSED, SHAPE, SHAPE, 0),
    "loops_forever": (CPU, PASSED, CPU, CPU, 0),
    "sleeps": (WALL, PASSED, PASSED, PASSED, CASES),
    "stops_itself": (WALL, PASSED, PASSED, PASSED, CASES),
    "eats_memory": (MEMORY, PASSED, PASSED, PASSED, CASES),
    "prints_100mb": (PASSED, PASSED, PASSED, PASSED, CASES),
    "closes_output": (PASSED, PASSED, PASSED, PASSED, CASES),
    "prints_fake_passes": (WRONG, WRONG, PASSED, PASSED, CASES),
    "always_equal": (TYPE, TYPE, PASSED, PASSED, CASES),
    "crashes_on_import": (IMPORT, IMPORT, IMPORT, IMPORT, 0),
    "imports_nothing": (IMPORT, IMPORT, IMPORT, IMPORT, 0),
    "missing_function": (MISSING, MISSING, MISSING, MISSING, 0),
    "early_exit": (ENDED, ENDED, ENDED, ENDED, 0),
    "forks_bomb": (PASSED, PASSED, PASSED, PASSED, CASES),
    "forges_frames": (UNREADABLE, LARGE, PASSED, PASSED, CASES),
    "names_files_after_inputs": (RAISED, RAISED, PASSED, PASSED, CASES),
}


@pytest.mark.parametrize("group", BEHAVIOURS)
def test_what_a_behaviour_comes_to(marked, group):
    *tests, answered = BEHAVIOURS[group]
    document = marked(group)
    assert document.trouble is None
    outcomes = {name: (doc.verdict, doc.cause and doc.cause.reason) for name, doc in document.tests.items()}
    assert outcomes == dict(zip(TESTS, tests, strict=True))
    states = document.answers[0].states
    assert len(states) == CASES
    assert sum(state is None for state in states) == answered
    assert document.answers[0].verdict == ("passed" if answered or group == "wrong_shape" else "failed")


VALIDATED = """
import numpy as np

FRAMEWORK = "numpy"

def fit(train, val, *, seed, budget_s):
    assert train["x"].shape == (350, 30), train["x"].shape
    assert val["x"].shape == (50, 30) and val["y"].shape == (50,), val["x"].shape
    known = {row.tobytes() for row in train["x"]}
    assert not any(row.tobytes() in known for row in val["x"])
    far = lambda x, by: ((x - by["x"].mean(0)) / by["x"].std(0))[:, 0]
    cut = min(far(train["x"], train), key=lambda c: ((far(val["x"], train) > c) != val["y"]).mean())
    return train["x"][:, 0].mean() + cut * train["x"][:, 0].std()

def predict(model, inputs):
    return {"prob": (inputs["x"][:, 0] > model).astype(np.float32)}
"""


def test_an_assignment_of_the_catalogue_is_marked_with_validation_cases(tmp_path):
    (tmp_path / "solution").mkdir()
    (tmp_path / "solution/solution.py").write_text(VALIDATED)
    of = overridden(load(find("mlp_classifier", tmp_path)), data={"val": 50, "test": 100}, run={"seeds": 2})
    document = run(
        "solution", tmp_path / "store", tests=(), repeats=(0, 1), assignment=of, solution=tmp_path / "solution"
    )
    assert document.trouble is None
    assert [document.answers[repeat].verdict for repeat in (0, 1)] == ["passed", "passed"]
    assert document.scores["accuracy"].measurement.score > 0.75  # by the mean radius alone: 0.86


def test_every_phase_of_a_job_is_timed_and_none_twice(tmp_path):
    began = time.monotonic()
    document = run("perfect", tmp_path)
    whole = time.monotonic() - began
    spent = asdict(document.phases)
    assert min(spent.values()) > 0, spent
    assert sum(spent.values()) < whole
    assert document.marker_cpu_s > 0


def test_every_document_is_json_without_nan(marked):
    for group in BEHAVIOURS:
        assert job_result(to_json(marked(group))) == marked(group)


def test_only_full_answers_earn_a_full_score(marked):
    assert marked("perfect").scores["accuracy"].measurement.score > 0.9
    for group in ("wrong_shape", "loops_forever", "early_exit", "missing_function"):
        assert marked(group).scores["accuracy"].measurement.score == 0.0


def test_a_case_with_nan_fails_alone(marked):
    document = marked("nan")
    assert document.tests[LOSS].cause.reason == NAN[1]
    states = document.answers[0].states
    refused = [state.reason for state in states if state]
    assert 0 < len(refused) < CASES
    assert set(refused) == {NAN[1]}


def test_a_detached_writer_changes_nothing_and_is_gone(marked):
    document = marked("late_writer")
    for name in (SCALE, LOSS):
        assert document.tests[name].verdict == "failed"
        # The writer, and mostly the child between, which is not recorded.
        assert document.tests[name].flags[0] in ("left 1 processes behind", "left 2 processes behind")
    for name in (LEARNS, AGAIN):
        assert document.tests[name].verdict == "passed"
    assert not running("late_writer")


def running(group):
    """Processes that run in a sandbox for this group's folder."""
    pids = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        pids += [pid] if f"MEDMARK_SOLUTION={GROUPS / group}\0".encode() in environment else []
    return pids


def test_children_left_behind_are_counted_and_gone(marked):
    assert marked("forks_bomb").tests[SCALE].flags == ("left 20 processes behind",)
    assert not running("forks_bomb")


def test_an_exception_is_named_by_its_built_in_class_and_line(marked):
    assert marked("crashes_on_import").tests[SCALE].cause == Cause("import_failed", "KeyError", "solution.py:5")
    assert "a message for staff only" in marked("crashes_on_import").tests[SCALE].evidence


def test_a_file_name_that_holds_the_hidden_input_is_not_shown(marked):
    for name in (SCALE, LOSS):
        doc = marked("names_files_after_inputs").tests[name]
        assert doc.cause in (Cause("raised", "ValueError"), Cause("raised", "ValueError", "solution.py:13"))


def test_printed_output_is_evidence_and_never_shown_to_students(marked):
    for group, words in (("prints_fake_passes", "4 passed"), ("names_files_after_inputs", "the input was")):
        docs = marked(group).tests.values()
        assert any(words in doc.evidence + doc.printed for doc in docs)
        assert not any(words in repr(doc.cause) for doc in docs)
    assert len(marked("prints_100mb").tests[SCALE].printed) < 10_000


def test_hidden_tests_expected_values_and_truths_never_cross(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch)
    document = run("perfect", tmp_path)
    assert document.tests[SCALE].verdict == "passed"
    assert len(recorded.written) > 1000
    written = bytes(recorded.written)
    for secret in (b"canary-in-the-tests", b"canary-in-the-cases", b"EXPECTED", b"is the mean absolute", SECRET):
        assert secret not in written
    assert b"test_tiny" not in written
    # The expected value of test_loss is half of the value that was sent, and was never sent itself.
    assert struct.pack("<d", 0.73917391739173917) in written
    assert struct.pack("<d", 0.73917391739173917 / 2) not in written


def test_the_truth_of_the_hidden_cases_does_not_cross(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch)
    document = run("perfect", tmp_path, tests=())
    assert document.answers[0].verdict == "passed"
    heads = bytes(recorded.written)
    predict_heads = heads[heads.index(b'"name":"predict"') :]
    assert b'"y"' not in predict_heads
    assert b"subject" not in predict_heads


# Containers


@pytest.fixture
def opened(monkeypatch):
    """The repeats and tests that each sandbox was asked, in order."""
    containers = []

    class Counted(Local):
        def open(self, spec):
            containers.append([])
            return super().open(spec)

    plain_run_tests, plain_measure = grade.run_tests, grade.measure

    def run_tests(*args):
        containers[-1].append("tests")
        return plain_run_tests(*args)

    def measure(*args, **ways):
        containers[-1].append(ways["repeat"])
        return plain_measure(*args, **ways)

    monkeypatch.setitem(grade.SANDBOXES, "local", Counted)
    monkeypatch.setattr(grade, "run_tests", run_tests)
    monkeypatch.setattr(grade, "measure", measure)
    return containers


ARRAYS = """
import numpy as np
from assignments.data.source import Axes
ARRAYS = {"x": Axes("float32", "3"), "y": Axes("uint8", "", role="truth")}
"""
POOL = """
def draw(n, rng):
    pool = np.random.default_rng(7).normal(size=(3, 20, 3)).astype(np.float32)
    taken = pool[rng.integers(3), rng.permutation(20)[:n]]
    return {"x": taken, "y": (taken[:, 0] > 0).astype(np.uint8)}
"""
ANEW = """
def draw(n, rng):
    x = rng.normal(size=(n, 3)).astype(np.float32)
    return {"x": x, "y": (x[:, 0] > 0).astype(np.uint8)}
"""


def asks_for_trained(sets):
    """Whether a repeat asks for a case on which another trains."""
    rows = [[{row.tobytes() for row in x} for x in (of.train["x"], of.inputs["x"])] for of in sets]
    return any(trained & hidden for (trained, _), (_, hidden) in permutations(rows, 2))


@pytest.mark.parametrize(
    ("source", "containers"), [(POOL, [["tests"], [0], [1], [2]]), (ANEW, [["tests", 0, 1, 2]])], ids=["pool", "anew"]
)
def test_a_case_that_one_repeat_labels_and_another_asks_for_parts_their_containers(
    folder, tmp_path, opened, source, containers
):
    (folder / "rows.py").write_text(ARRAYS + source)
    text = (folder / "assignment.toml").read_text()
    text = re.sub(r"\ntrain = .*\ntest = .*", "\ntrain = 20\ntest = 12\nredraw = true", text)
    (folder / "assignment.toml").write_text(re.sub(r"(mode = \"retrain\".*)", r"\1\nseeds = 3", text))
    secret, _ = first_secret(load(folder), (0, 1, 2), asks_for_trained if source is POOL else lambda sets: True)
    document = run("perfect", tmp_path, folder, repeats=(0, 1, 2), secret=secret)
    assert opened == containers
    assert document.trouble is None
    assert document.scores["accuracy"].verdict == "passed"


def test_repeats_of_one_hidden_set_share_a_container(folder, tmp_path, opened):
    text = (folder / "assignment.toml").read_text()
    (folder / "assignment.toml").write_text(re.sub(r"(mode = \"retrain\".*)", r"\1\nseeds = 3", text))
    run("perfect", tmp_path, folder, repeats=(0, 1, 2))
    assert opened == [["tests", 0, 1, 2]]


# Ours


@pytest.fixture
def folder(tmp_path):
    """A copy of the assignment that a test may spoil."""
    return Path(shutil.copytree(GROUPS / "assignment", tmp_path / "assignment"))


@pytest.mark.parametrize("line", ["raise KeyError('no')", "def f(:", "import no_such_library", "def put() -> int: ..."])
def test_an_interface_with_an_error_is_a_toolkit_failure(folder, tmp_path, line):
    with (folder / "interface.py").open("a") as file:
        file.write(f"\n{line}\n")
    moved = load(GROUPS / "assignment").model_copy(update={"folder": folder})
    document = run("perfect", tmp_path, assignment=moved)
    assert document.trouble.reason == "internal"
    assert "interface.py" in document.trouble.evidence
    assert document.tests == {}


@pytest.mark.parametrize("line", ["raise KeyError('no')", "import no_such_library", "1 / 0"])
def test_a_hidden_test_file_with_an_error_is_a_toolkit_failure(folder, tmp_path, line):
    with (folder / "hidden_tests" / "test_tiny.py").open("a") as file:
        file.write(f"\n{line}\n")
    document = run("perfect", tmp_path, folder, repeats=(), scores=())
    assert {doc.verdict for doc in document.tests.values()} == {"unknown"}
    assert all(line.split()[-1].strip("'()") in doc.evidence for doc in document.tests.values())


def test_a_source_that_raises_is_a_data_failure(folder, tmp_path):
    (folder / "rows.py").write_text(f"{ARRAYS}def draw(n, rng):\n    raise OSError('no disk')\n")
    document = run("perfect", tmp_path, folder)
    assert document.trouble.reason == "data"
    assert "no disk" in document.trouble.evidence


def test_a_users_error_keeps_its_words(folder, tmp_path):
    assignment = load(folder)
    (folder / "rows.py").unlink()
    failure = run("perfect", tmp_path, assignment=assignment).trouble
    assert failure.reason == "data"
    assert failure.evidence.startswith(f"{folder}: the hidden cases could not be drawn. ")
    assert failure.evidence.endswith(f"but there is no file {folder / 'rows.py'}")


def test_a_defect_keeps_what_was_found_before_it(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(grade, "measure", broken)
    document = run("perfect", tmp_path)
    assert document.tests[SCALE].verdict == "passed"
    assert document.trouble.reason == "internal"
    assert "a defect" in document.trouble.evidence


def test_a_keeper_killed_in_mid_run_is_a_toolkit_failure_and_the_rest_is_unknown(tmp_path, monkeypatch):
    plain, calls = Pipes.write, []

    def write(channel, data):
        calls.append(1)
        if len(calls) == 6:
            channel._process.kill()
            time.sleep(0.05)
        return plain(channel, data)

    monkeypatch.setattr(Pipes, "write", write)
    document = run("perfect", tmp_path)
    assert document.trouble.reason == "engine"
    verdicts = [doc.verdict for doc in document.tests.values()]
    assert "failed" not in verdicts
    assert verdicts.count("unknown") >= 3


def test_a_sandbox_that_does_not_open_is_a_toolkit_failure(tmp_path, monkeypatch):
    def refuse(*_):
        raise EngineFailure("no room")

    monkeypatch.setattr(Local, "open", refuse)
    document = run("perfect", tmp_path)
    assert document.trouble == Trouble("engine", "no room")
    assert (document.tests, document.answers, document.scores) == ({}, {}, {})


def test_scores_of_stored_answers_need_no_sandbox_and_are_the_same(marked, tmp_path, monkeypatch):
    first = run("perfect", tmp_path, tests=())
    monkeypatch.setattr(Local, "open", None)
    again = run("perfect", tmp_path, tests=(), repeats=(), answers={0: first.answers[0]})
    assert again.scores == first.scores


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory):
    """A solution that answers with the other class, and the document it comes to."""
    solution, store = tmp_path_factory.mktemp("exchanged"), tmp_path_factory.mktemp("store")
    text = (GROUPS / "perfect/solution.py").read_text()
    (solution / "solution.py").write_text(text.replace('{"prob": (', '{"prob": (1 - '))
    return store, run("perfect", store, solution=solution, tests=())


def test_a_poor_score_is_explained_from_the_stored_answers(exchanged):
    _, document = exchanged
    score = document.scores["accuracy"]
    assert score.measurement.score < 0.1
    assert score.explained.mistake == Phrase("classes_exchanged")


def test_a_good_score_is_not_explained(marked):
    assert marked("perfect").scores["accuracy"].explained is None


def test_an_explanation_that_fails_harms_no_score(exchanged, monkeypatch):
    store, document = exchanged

    def broken(*_):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(explained, "explanation", broken)
    again = run("perfect", store, tests=(), repeats=(), answers={0: document.answers[0]})
    score, before = again.scores["accuracy"], document.scores["accuracy"]
    assert again.trouble is None
    assert replace(score, explained=None) == replace(before, explained=None)
    assert (score.explained.kind, score.explained.seen, score.explained.mistake) == ("defect", None, None)
    assert "ZeroDivisionError" in score.explained.evidence


def test_a_sandbox_that_ended_for_memory_costs_the_test_that_ended_it_and_no_other(tmp_path, monkeypatch):
    solution = tmp_path / "solution"
    shutil.copytree(GROUPS / "perfect", solution)
    ends = "\n\nimport os, time\ndef scale(x):\n    os.kill(os.getppid(), 9)\n    time.sleep(9)\n"
    (solution / "solution.py").write_text((solution / "solution.py").read_text() + ends)
    plain = Pipes.ending
    monkeypatch.setattr(Pipes, "ending", lambda channel: replace(plain(channel), out_of_memory=True))
    document = run("", tmp_path, solution=solution, tests=(SCALE, LOSS))
    assert document.trouble is None
    assert document.tests[SCALE].cause == Cause("memory_limit")
    assert document.tests[LOSS].verdict == "passed"
    assert document.answers[0].verdict == "passed"


def _an_array_alone(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def _of_another(path):
    with np.load(path) as data:
        zeros = {name: np.zeros_like(data[name]) for name in data.files}
    np.savez_compressed(path.with_suffix(""), **zeros)


@pytest.mark.parametrize("damage", [
    lambda path: path.write_bytes(b"PK"), lambda path: path.unlink(), _an_array_alone, _of_another,
], ids=["cut short", "gone", "an array alone", "answers that are another's"])  # fmt: skip
def test_stored_answers_that_are_not_as_stored_are_a_data_failure_that_names_file_and_cure(tmp_path, damage):
    first = run("perfect", tmp_path, tests=())
    (file,) = tmp_path.glob("*.npz")
    damage(file)
    again = run("perfect", tmp_path, tests=(), repeats=(), answers={0: first.answers[0]})
    assert again.trouble.reason == "data"
    assert again.scores == {}
    assert str(file) in again.trouble.evidence
    assert "remove it and run medmark grade" in again.trouble.evidence


def test_answers_without_a_file_are_a_toolkit_failure(tmp_path):
    first = run("perfect", tmp_path, tests=())
    again = run("perfect", tmp_path, tests=(), repeats=(), answers={0: replace(first.answers[0], file=None)})
    assert (again.trouble.reason, again.scores) == ("data", {})


def test_without_fork_the_same_tests_come_to_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_NO_FORK", "1")
    begin, forks = Session.begin, []
    monkeypatch.setattr(Session, "begin", lambda session: forks.append(begin(session)["forks"]))
    plenty = load(GROUPS / "assignment")
    plenty = plenty.model_copy(update={"limits": plenty.limits.model_copy(update={"shared_cpu_s": 30, "cpu_s": 30})})
    document = run("perfect", tmp_path, assignment=plenty)
    assert forks == [False]
    assert [doc.verdict for doc in document.tests.values()] == ["passed"] * 4
    assert document.scores["accuracy"].measurement.score > 0.9
