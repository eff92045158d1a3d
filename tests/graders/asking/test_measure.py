"""Accuracy: the questions and their order, the cost of a failure, and that stored answers are the answers."""

import errno
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from assignments.data.hidden import hidden_set, presented_order
from assignments.interface import read_interface
from assignments.load import load
from graders.asking import asked_model
from graders.asking.collecting import stacked_answers
from graders.asking.measure import measure
from graders.failures import DataFailure, EngineFailure, InternalFailure
from graders.record.answer_files import load_answers
from graders.record.documents import Cause, to_json
from graders.record.read_documents import result
from graders.tasks import task_named
from graders.wall.session import Session
from tests.scripted import ScriptedChannel, Student, keeper_reply

FOLDER = Path(__file__).parents[2] / "example_groups" / "assignment"
ASSIGNMENT = load(FOLDER)
INTERFACE = read_interface(FOLDER / "interface.py")
SECRET, COMMIT, N = b"of this test", "c0ffee", 12
HIDDEN = hidden_set(ASSIGNMENT, SECRET, 0, ("x",), "y")
ORDER = presented_order(SECRET, "tiny", COMMIT, N)


class Model:
    pass


class Group:
    """A solution that remembers what it was asked, and answers the first column squeezed into [0, 1]."""

    def __init__(self, **instead):
        self.fits, self.questions = [], []
        self.instead = instead

    def names(self):
        return {"fit": self.fit, "load": lambda folder: Model(), "predict": self.predict} | self.instead

    def fit(self, train, val, **ways):
        self.fits.append((train, val, ways))
        return Model()

    def predict(self, model, inputs):
        self.questions.append(inputs)
        return {"prob": answer(inputs["x"])}


def answer(x):
    return (1 / (1 + np.exp(-x[:, 0]))).astype(np.float64)


@pytest.fixture
def measured(tmp_path):
    """Measures a group: `measured(group)` -> document; the script is at `measured.script`."""

    def run(group, *, assignment=ASSIGNMENT, commit=COMMIT, wrapped=lambda script: script, **script):
        measured = run
        measured.script = Student(group.names(), **script)
        with ScriptedChannel(wrapped(measured.script)) as channel:
            session = Session(channel, assignment.limits)
            session.begin()
            store = tmp_path / "store"
            return measure(session, assignment, INTERFACE, HIDDEN.input_set, secret=SECRET, commit=commit, store=store)

    run.store = tmp_path / "store"
    return run


def calls(group):
    return [len(inputs["x"]) for inputs in group.questions]


def test_answers_stand_in_canonical_order_whatever_was_presented(measured):
    document = measured(Group())
    stored = load_answers(measured.store, document)
    assert document.verdict == "passed"
    assert stored.failed == {}
    assert np.array_equal(stored.arrays["prob"], answer(HIDDEN.inputs["x"]).astype(np.float32))


def test_cases_are_presented_in_the_commits_own_order(measured):
    for commit in (COMMIT, "beef"):
        group = Group()
        measured(group, commit=commit)
        order = presented_order(SECRET, "tiny", commit, N)
        assert calls(group) == [4, 4, 4]
        assert np.array_equal(np.concatenate([inputs["x"] for inputs in group.questions]), HIDDEN.inputs["x"][order])


def test_predict_sees_the_inputs_and_nothing_else(measured):
    group = Group()
    measured(group)
    assert {tuple(inputs) for inputs in group.questions} == {("x",)}


def test_fit_gets_the_training_cases_the_hidden_seed_and_nothing_of_the_hidden_set(measured):
    group = Group()
    measured(group)
    ((train, val, ways),) = group.fits
    assert set(train) == {"x", "y", "subject"}
    assert val is None
    assert ways == {"seed": HIDDEN.fit_seed, "budget_s": 1.0}
    rows = {row.tobytes() for row in train["x"]}
    assert not any(row.tobytes() in rows for row in HIDDEN.inputs["x"])


def test_a_failure_to_make_a_model_names_the_function(measured):
    def fit(train, val, *, seed, budget_s):
        raise ValueError("the students' own words")

    document = measured(Group(fit=fit))
    assert (document.cause.reason, document.cause.kind, document.cause.function) == ("raised", "ValueError", "fit")
    stored = load_answers(measured.store, document)
    assert set(stored.causes.values()) == {document.cause}
    assert "12 cases: " in stored.evidence
    assert "the students' own words" in stored.evidence


def test_in_weights_mode_the_groups_own_weights_are_loaded(measured):
    weights = ASSIGNMENT.model_copy(update={"run": ASSIGNMENT.run.model_copy(update={"mode": "weights"})})
    folders = []
    group = Group(load=lambda folder: folders.append(folder) or Model())
    assert measured(group, assignment=weights).verdict == "passed"
    assert (folders, group.fits) == (["/solution/weights"], [])


def test_probabilities_of_rows_are_stored_as_float32_and_read_back_the_same(measured):
    document = measured(Group())
    with np.load(measured.store / document.file, allow_pickle=False) as data:
        assert data["prob"].dtype == np.float32
    again = measured(Group())
    assert again.file == document.file, "the same answers are the same file"
    assert [path.name for path in measured.store.iterdir()] == [document.file]


def spoiling(*indices, how):
    """A `predict` that spoils the answers for some hidden cases."""
    marked = {HIDDEN.inputs["x"][index].tobytes() for index in indices}

    def predict(model, inputs):
        prob = answer(inputs["x"])
        hit = np.array([row.tobytes() in marked for row in inputs["x"]])
        return how(prob, hit)

    return predict


def with_nan(prob, hit):
    return {"prob": np.where(hit, np.nan, prob)}


def test_a_case_that_fails_takes_none_of_its_neighbours_along(measured):
    document = measured(Group(predict=spoiling(2, 7, how=with_nan)))
    assert {index for index, state in enumerate(document.states) if state} == {2, 7}
    assert document.states[2] == Cause("not_finite")
    stored = load_answers(measured.store, document)
    assert stored.arrays["prob"][[2, 7]].tolist() == [0, 0]
    assert stored.failed == {2: "not_finite", 7: "not_finite"}
    right = [index for index in range(N) if index not in (2, 7)]
    assert np.array_equal(stored.arrays["prob"][right], answer(HIDDEN.inputs["x"][right]).astype(np.float32))


def test_only_a_call_that_failed_is_repeated_case_by_case(measured):
    sizes = []
    plain = spoiling(int(ORDER[5]), how=with_nan)

    def predict(model, inputs):
        sizes.append(len(inputs["x"]))
        return plain(model, inputs)

    measured(Group(predict=predict))
    assert sizes == [4, 4, 1, 1, 1, 1, 4]


@pytest.mark.parametrize(
    "how",
    [
        lambda prob, hit: {"prob": prob[:-1]},
        lambda prob, hit: {"prob": prob[:, None]},
        lambda prob, hit: {"prob": prob, "more": prob},
        lambda prob, hit: {"probability": prob},
        lambda prob, hit: {"prob": prob + 1},
        lambda prob, hit: {"prob": prob[0] if len(prob) == 1 else prob.tolist()},
        lambda prob, hit: prob,
        lambda prob, hit: None,
        lambda prob, hit: 1 / 0,
    ],
)
def test_answers_of_another_kind_fail_case_by_case_and_nothing_is_stored(measured, how):
    document = measured(Group(predict=spoiling(how=how)))
    assert all(state is not None for state in document.states)
    assert (document.file, len(document.states)) == (None, N)


FREE = """
from typing import TypedDict
import numpy as np
from jaxtyping import Float, Float32, UInt8
from assignments.interface import Model
class Rows(TypedDict):
    x: Float32[np.ndarray, "n 3"]
class Answer(TypedDict):
    prob: Float[np.ndarray, "n k"]
def fit(train: dict, val: dict | None, *, seed: int, budget_s: float) -> Model: ...
def predict(model: Model, inputs: Rows) -> Answer: ...
"""


def test_cases_answered_in_different_shapes_are_the_submissions_failure(measured, tmp_path, monkeypatch):
    (tmp_path / "interface.py").write_text(FREE)
    monkeypatch.setitem(globals(), "INTERFACE", read_interface(tmp_path / "interface.py"))
    count = iter(range(100))

    def predict(model, inputs):
        return {"prob": np.ones((len(inputs["x"]), 2 if next(count) == 0 else 3))}

    document = measured(Group(predict=predict))
    reasons = [state and state.reason for state in document.states]
    assert [reasons[index] for index in ORDER[:4]] == [None] * 4
    assert {reasons[index] for index in ORDER[4:]} == {"wrong_shape"}


def test_kinds_that_differ_from_case_to_case_lose_nothing(measured, tmp_path, monkeypatch):
    (tmp_path / "interface.py").write_text(FREE)
    monkeypatch.setitem(globals(), "INTERFACE", read_interface(tmp_path / "interface.py"))
    count = iter(range(100))

    def predict(model, inputs):
        kind = np.float16 if next(count) == 0 else np.float32
        return {"prob": np.full((len(inputs["x"]), 1), 0.1, kind)}

    stored = load_answers(measured.store, measured(Group(predict=predict))).arrays["prob"]
    assert stored.dtype == np.float32
    assert stored[ORDER[4:]].ravel().tolist() == [np.float32(0.1)] * 8


VOXELS = FREE.replace('"n k"', '"n 2 3"')


def test_probabilities_of_voxels_are_stored_as_float16_and_none_reaches_the_threshold_by_rounding(
    measured, tmp_path, monkeypatch
):
    (tmp_path / "interface.py").write_text(VOXELS)
    monkeypatch.setitem(globals(), "INTERFACE", read_interface(tmp_path / "interface.py"))

    def predict(model, inputs):
        return {"prob": np.full((len(inputs["x"]), 2, 3), 0.49999)}

    stored = load_answers(measured.store, measured(Group(predict=predict))).arrays["prob"]
    assert stored.dtype == np.float16
    assert set(stored.ravel().tolist()) == {0.5 - 2**-12}  # the last float16 below 0.5


# Deaths and limits


class Deadly:
    """Lets the worker die when certain hidden cases are asked about."""

    def __init__(self, indices, **facts):
        self.marked = {HIDDEN.inputs["x"][index].tobytes() for index in indices}
        self.facts = facts
        self.deaths = 0

    def __call__(self, script):
        def scripted(head, body):
            if head["verb"] == "call" and b'"predict"' in body and any(row in body for row in self.marked):
                self.deaths += 1
                return keeper_reply("died", exit=3, **self.facts)
            return script(head, body)

        return scripted


def test_a_worker_that_dies_is_started_again_with_a_model(measured):
    group, deadly = Group(), Deadly([int(ORDER[0])])
    document = measured(group, wrapped=deadly)
    assert [index for index, state in enumerate(document.states) if state] == [ORDER[0]]
    assert deadly.deaths == 2, "with its neighbours, and alone"
    assert len(group.fits) == 3
    assert document.verdict == "passed"


def test_but_three_times_at_most(measured):
    group, deadly = Group(), Deadly(range(N))
    document = measured(group, wrapped=deadly)
    assert len(group.fits) == 1 + asked_model.WORKER_RESTARTS
    assert document.verdict == "failed"
    assert document.cause.reason == "process_ended"
    assert all(document.states)


def test_what_was_answered_before_a_limit_counts(measured):
    deadly = Deadly([int(ORDER[6])], stopped="cpu")
    document = measured(Group(), wrapped=deadly)
    assert (document.verdict, document.cause.reason) == ("failed", "cpu_limit")
    assert [index for index, state in enumerate(document.states) if state is None] == sorted(ORDER[:4])


def test_a_limit_met_while_a_batch_is_repeated_keeps_the_cases_before_it(measured):
    last = int(ORDER[3])
    prone = Group(predict=spoiling(int(ORDER[0]), how=with_nan))
    alone = HIDDEN.inputs["x"][last].tobytes()

    def wrapped(script):
        def scripted(head, body):
            if head["verb"] == "call" and b"[1,3]" in body and alone in body:
                return keeper_reply("died", stopped="cpu")
            return script(head, body)

        return scripted

    document = measured(prone, wrapped=wrapped)
    assert [index for index, state in enumerate(document.states) if state is None] == sorted(ORDER[1:3])


@pytest.mark.parametrize("stopped", ["cpu", "wall"])
def test_a_limit_is_not_met_a_second_time(measured, stopped):
    deadly = Deadly(range(N), stopped=stopped)
    assert measured(Group(), wrapped=deadly).verdict == "failed"
    assert deadly.deaths == 1


@pytest.mark.parametrize("instead", [{"fit": lambda *a, **k: 1 / 0}, {"fit": lambda *a, **k: None}])
def test_without_a_model_every_case_has_failed(measured, instead):
    document = measured(Group(**instead))
    assert document.verdict == "failed"
    assert len([state for state in document.states if state]) == N
    assert measured.script.verbs.count("worker") == 1


MODELS = [{"w": np.ones(3), "n": 2}, (np.ones(3), 0.5, {}), [1.0], np.ones((2, 2)), 3.0, "weights", {}, (), False]


@pytest.mark.parametrize("mode", ["retrain", "weights"])
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_a_model_is_whatever_the_submission_made_and_comes_back_as_the_very_object(measured, model, mode):
    seen = []

    def predict(model_handle, inputs):
        seen.append(model_handle is model)
        return {"prob": answer(inputs["x"])}

    run = ASSIGNMENT.run.model_copy(update={"mode": mode})
    group = Group(fit=lambda train, val, **ways: model, load=lambda folder: model, predict=predict)
    document = measured(group, assignment=ASSIGNMENT.model_copy(update={"run": run}))
    assert (document.verdict, document.states) == ("passed", (None,) * N)
    assert seen == [True] * 3


@pytest.mark.parametrize("mode", ["retrain", "weights"])
def test_a_forgotten_return_is_no_model(measured, mode):
    run = ASSIGNMENT.run.model_copy(update={"mode": mode})
    group = Group(fit=lambda train, val, **ways: None, load=lambda folder: None)
    document = measured(group, assignment=ASSIGNMENT.model_copy(update={"run": run}))
    made_by = "fit" if mode == "retrain" else "load"
    assert document.cause == Cause("wrong_type", function=made_by)


def test_validation_cases_of_another_number_than_the_training_cases_reach_fit(measured, monkeypatch):
    data = ASSIGNMENT.data.model_copy(update={"val": 7})
    hidden = hidden_set(ASSIGNMENT.model_copy(update={"data": data}), SECRET, 0, ("x",), "y")
    monkeypatch.setitem(globals(), "HIDDEN", hidden)
    group = Group()
    assert measured(group).verdict == "passed"
    ((train, val, _),) = group.fits
    assert (len(train["x"]), len(val["x"])) == (33, 7)


def test_training_far_beyond_the_budget_is_the_cpu_limit(measured, monkeypatch):
    monkeypatch.setattr(asked_model, "BUDGET_START_S", -2.0)
    document = measured(Group())
    assert document.cause.reason == "cpu_limit"
    assert "budget" in document.evidence


def test_a_lost_session_is_a_toolkit_failure(measured):
    def wrapped(script):
        return lambda head, body: None if head["verb"] == "call" else script(head, body)

    with pytest.raises(EngineFailure):
        measured(Group(), wrapped=wrapped)


# The store


def test_a_full_disk_is_a_toolkit_failure_and_leaves_no_file(measured, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(asked_model.os, "fsync", full)
    with pytest.raises(InternalFailure, match="No space left on device"):
        measured(Group())
    assert list(measured.store.iterdir()) == []


@pytest.mark.parametrize(
    "spoil", [Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"PK\3\4")]
)
def test_answers_that_cannot_be_read_back_are_a_data_failure(measured, spoil):
    document = measured(Group())
    spoil(measured.store / document.file)
    with pytest.raises(DataFailure, match=document.file):
        load_answers(measured.store, document)


def test_what_came_of_it_can_be_stored(measured):
    answers = measured(Group(predict=spoiling(2, 7, how=with_nan)))
    assert result("answers", to_json(answers)) == answers


def test_workers_that_die_share_one_limit_of_cpu_time(measured):
    """1.5 s in all: a worker that used 1 s leaves 0.5 to the next, which leaves nothing."""
    deadly = Deadly(range(N))
    orders = []

    def wrapped(script):
        inner = deadly(script)

        def scripted(head, body):
            if head["verb"] == "worker":
                orders.append(head["cpu_s"])
            reply = inner(head, body)
            return keeper_reply("ended", cpu_s=1.0) if head["verb"] == "end" else reply

        return scripted

    document = measured(Group(), wrapped=wrapped)
    assert orders == [1.5, 0.5]
    assert (document.verdict, document.cause.reason) == ("failed", "cpu_limit")


def test_answers_beyond_what_the_cases_can_fill_are_not_kept(measured, monkeypatch):
    """Room for the first call of four cases and not for the second: those fail, and so do the rest."""
    monkeypatch.setattr(asked_model, "stored_bytes", lambda hidden: 4 * 8 + 1)
    document = measured(Group())
    assert [index for index, state in enumerate(document.states) if state is None] == sorted(ORDER[:4])
    assert {state.reason for state in document.states if state} == {"reply_too_large"}


def test_answers_are_gathered_in_one_array_however_many_cases_there_are():
    rows = {index: {"prob": np.full((64, 64), index / 64, np.float16)} for index in range(64)}
    tracemalloc.start()
    gathered = stacked_answers(rows, 64, task_named("segmentation"))["prob"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (gathered == np.arange(64)[:, None, None] / 64).all()
    assert peak < 1.5 * gathered.nbytes  # a second array of all cases would be as large


def test_a_call_that_takes_the_hosts_memory_fails_alone(measured, monkeypatch):
    plain, calls = asked_model.Asking._predict, []

    def predicted(asking, indices):
        calls.append(len(indices))
        if int(ORDER[5]) in indices:
            raise MemoryError("no room")
        return plain(asking, indices)

    monkeypatch.setattr(asked_model.Asking, "_predict", predicted)
    document = measured(Group())
    assert calls == [4, 4, 1, 1, 1, 1, 4]
    assert [index for index, state in enumerate(document.states) if state] == [ORDER[5]]
    assert document.states[ORDER[5]].reason == "not_usable"


def test_a_failed_case_keeps_nothing_of_its_answer(measured, tmp_path, monkeypatch):
    """Twelve answers of 4 MB with a NaN: at most a few of them are there at once."""
    text = (FOLDER / "interface.py").read_text().replace('prob: Annotated[Float[np.ndarray, "n"]', WIDE)
    (tmp_path / "interface.py").write_text(text)
    monkeypatch.setattr(sys.modules[__name__], "INTERFACE", read_interface(tmp_path / "interface.py"))
    one_repeat = ASSIGNMENT.model_copy(
        update={
            "data": ASSIGNMENT.data.model_copy(update={"per_call": 1}),
            "limits": ASSIGNMENT.limits.model_copy(update={"reply_mb": 8}),
        }
    )
    group = Group(predict=lambda model, inputs: {"prob": np.full((1, 500_000), np.nan)})
    tracemalloc.start()
    try:
        document = measured(group, assignment=one_repeat)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert {state.reason for state in document.states} == {"not_finite"}
    assert peak < 7 * 4e6


WIDE = 'prob: Annotated[Float[np.ndarray, "n 500000"]'
