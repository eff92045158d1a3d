"""Class F: answers whose size or kind would choose the host's costs, or pass for a model.

The real encoder of the sandbox, the real decoder, types and hidden tests, without a container: what is tried here is
what crosses the wall. Each control is the host's work as it is usually written.
"""

from __future__ import annotations

import tracemalloc
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from assignments.assignment import Limits
from assignments.folders import CATALOGUE, AssignmentError
from assignments.interface import read_interface
from assignments.load import load
from graders.asking.check import CodeTests, run_tests
from graders.asking.measure import measure
from graders.failures import ProtocolViolation, ReplyTooLarge, WrongType
from graders.record.answer_files import load_answers
from graders.tasks import TASKS
from graders.wall.session import Session
from graders.wall.student import Student as Asking
from graders.wall.student import WorkerClient
from tests.attacks.course import TARGET
from tests.attacks.scripted_target import HIDDEN, SECRET, true_class
from tests.scripted import ScriptedChannel, Student, replied

MLP = CATALOGUE / "mlp_classifier"
STEP = "test_learning.py::test_each_step_follows_its_own_gradient"
N = 3000
"""A column of N and a row of N are 24 kB, and what NumPy makes of the two 36 MB of float32, 72 MB of float64."""


def answer(head, *arrays, single=False):
    """The worker's frame of these arrays: a list of them, or the only one."""
    table = [[array.dtype.str, list(array.shape)] for array in arrays]
    value = {"a": 0} if single else [{"a": i} for i in range(len(arrays))]
    words = {"id": head["id"], "kind": "value", "value": value, "arrays": table}
    return replied(words, b"".join(array.tobytes() for array in arrays))


def f4(*shape):
    return np.ones(shape, np.float32)


COLUMN, ROW = f4(N, 1), f4(1, N)
LIES = {
    # logits, gradients and parameters that a model tells of itself, for a batch of 16
    "a row of gradients beside a column of weights": (f4(16), [ROW], [COLUMN]),
    "a column of gradients beside a row of weights": (f4(16), [COLUMN], [ROW]),
    "one gradient for a table of weights, then the other": (f4(16), [f4(1)], [f4(N, 200)]),
    "a column of logits": (f4(N * 60, 1), [f4(3)], [f4(3)]),
    "logits of two axes": (f4(N, 16), [f4(3)], [f4(3)]),
    "logits of seven axes": (f4(*(1,) * 5, N, 1), [f4(3)], [f4(3)]),
    "whole numbers": (f4(16), [np.ones((1, N), np.int32)], [np.ones((N, 1), np.int32)]),
}  # fmt: skip


def lying(logit, gradients, parameters):
    shapes = {"forward": logit * np.arange(1, len(logit) + 1).reshape(-1, *(1,) * (logit.ndim - 1)).astype(np.float32)}

    def calls(head):
        if head["do"] != "probe":
            return None
        if head["name"] == "forward":
            return answer(head, shapes["forward"], single=True)
        return answer(head, *{"parameters": parameters, "parameter_gradients": gradients}[head["name"]])

    return calls


def peak_mb(work):
    tracemalloc.start()
    try:
        result = work()
        return result, tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def questions_of(calls):
    """The document of the catalogue's own hidden test of a training step, with a model that answers by `calls`."""
    solution = {"build_model": lambda config: object(), "train_step": lambda model, x, y, lr: 0.5}
    with ScriptedChannel(Student(solution, calls=calls)) as channel:
        session = Session(channel, Limits())
        session.begin()
        interface = read_interface(MLP / "interface.py")
        return run_tests(session, CodeTests("mlp", MLP / "hidden_tests", interface, Limits(), b"s"), [STEP])[STEP]


@pytest.mark.attack("F14", f"{len(LIES)} models whose arrays grow when a catalogue's hidden test combines them")
def test_no_arrays_of_a_model_grow_when_a_hidden_test_combines_them(attack):
    grown, control = peak_mb(lambda: (COLUMN - 0.5 * ROW).nbytes)
    attack.fired(control > 30, f"weights - lr * slopes: {COLUMN.nbytes + ROW.nbytes} bytes become {grown}")
    questions_of(lying(f4(16), [f4(3)], [f4(3)]))  # pytest and the assignment are loaded by now
    docs = {what: peak_mb(lambda lie=lie: questions_of(lying(*lie))) for what, lie in LIES.items()}
    attack.came_to(f"failed, all of them; {max(mb for _, mb in docs.values()):.0f} MB at most")
    for what, (doc, mb) in docs.items():
        assert doc.verdict == "failed", what
        assert mb < 20, what


def test_a_model_that_tells_the_truth_is_not_refused_for_its_shapes():
    doc = questions_of(lying(f4(16), [f4(6, 8), f4(8)], [f4(6, 8), f4(8)]))
    assert doc.cause.reason == "wrong_answer", "nothing was trained, and that is all"


INTERFACE = """
import numpy as np
from jaxtyping import Float
from assignments.interface import Model
def build() -> Model: ...
def both() -> tuple[Model, float]: ...
def named() -> dict[str, Model]: ...
def used(model: Model) -> float: ...
def many() -> Float[np.ndarray, "..."]: ...
"""


class MeasuredStudent:
    """A client of a scripted student, and how many bytes its last reply was."""

    def __init__(self, tmp_path: Path, channel, script):
        (tmp_path / "interface.py").write_text(INTERFACE)
        session = Session(channel, Limits(reply_mb=64))
        session.begin()
        self.client = WorkerClient(session, read_interface(tmp_path / "interface.py"), 9.0)
        self.script, self._channel = script, channel
        self.student = Asking(self.client)

    @property
    def reply_bytes(self):
        return self._channel.reply_bytes


@pytest.fixture
def student_of(tmp_path):
    def student_of(**solution):
        script = Student(solution)
        channel = channels.enter_context(ScriptedChannel(script))
        return MeasuredStudent(tmp_path, channel, script)

    with ExitStack() as channels:
        yield student_of


@pytest.mark.attack("F15", "arrays of nine and more axes, which no printing abbreviates")
def test_an_array_of_many_axes_never_reaches_a_test(attack, student_of):
    flat, axes = (len(repr(np.zeros(shape, np.uint8))) for shape in ((2**14,), (2,) * 14))
    attack.fired(axes > 100 * flat, f"16 kB are printed as {flat} characters, and in 14 axes as {axes}")
    outcome = []
    for count in (9, 14, 22, 32):
        measured = student_of(many=lambda count=count: np.zeros((2 if count < 23 else 1,) * count, np.uint8))
        with pytest.raises(ReplyTooLarge, match=f"{count} axes; 8 can cross"):
            measured.student.many()
        measured.script.calls = lambda head, count=count: answer(head, np.zeros((1,) * count, np.uint8), single=True)
        with pytest.raises(ProtocolViolation, match="more than 8 axes"):
            measured.student.many()
        outcome.append(count)
    attack.came_to(f"{outcome} axes: too large for an honest encoder, a violation in a forged frame")
    assert student_of(many=lambda: np.zeros((2,) * 8)).student.many().shape == (2,) * 8


WIDE = 1 << 18
FREE = ["n k", "n ...", "n *rest", "... n", "n _", "n #k", "n k+1"]


def wide(tmp_path, shape):
    """The target with this shape of an answer in its interface."""
    text = (TARGET / "interface.py").read_text()
    assert text.count('prob: Annotated[Float[np.ndarray, "n"]') == 1
    folder = tmp_path / str(FREE.index(shape))
    folder.mkdir()
    for path in TARGET.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            (folder / path.relative_to(TARGET)).parent.mkdir(parents=True, exist_ok=True)
            (folder / path.relative_to(TARGET)).write_bytes(path.read_bytes())
    (folder / "interface.py").write_text(text.replace('[Float[np.ndarray, "n"]', f'[Float[np.ndarray, "{shape}"]'))
    return folder


def stored_bytes(tmp_path, interface, predict):
    """The stored answers of a submission to the target's hidden cases."""
    assignment = load(TARGET)
    solution = {"fit": lambda *_, **__: object(), "predict": lambda model, inputs: predict(inputs["x"])}
    with ScriptedChannel(Student(solution)) as channel:
        session = Session(channel, assignment.limits)
        session.begin()
        store = tmp_path / "store"
        document = measure(session, assignment, interface, HIDDEN.input_set, secret=SECRET, commit="c", store=store)
    return sum(array.nbytes for array in load_answers(store, document).arrays.values()), document


@pytest.mark.attack("F16", f"{len(FREE)} declarations that leave a size of every case's answer to the submission")
def test_no_assignment_lets_an_answer_choose_its_size(attack, tmp_path):
    def predict(x):
        return {"prob": np.full((len(x), 1 + WIDE // len(HIDDEN.inputs["x"])), 0.5, np.float32)}

    folders = [wide(tmp_path, shape) for shape in FREE]
    many, _ = stored_bytes(tmp_path, read_interface(folders[0] / "interface.py"), predict)
    few, _ = stored_bytes(tmp_path, read_interface(TARGET / "interface.py"), lambda x: {"prob": true_class(x)})
    attack.fired(many > 1000 * few, f"without a look at its sizes {many} bytes of answers are kept in place of {few}")
    refused = []
    for folder in folders:
        with pytest.raises(AssignmentError, match=r"interface\.py:\d+ predict: .* free, so that an answer may be"):
            load(folder, tasks=TASKS)
        refused.append(folder)
    size, document = stored_bytes(tmp_path, read_interface(TARGET / "interface.py"), predict)
    attack.came_to(f"{len(refused)} of {len(FREE)} refused when loaded; where the size is declared, {size} bytes kept")
    assert load(TARGET, tasks=TASKS).id == "target"
    assert size == 0
    assert {state.reason for state in document.states} == {"wrong_shape"}


MODELS = {
    "a dict of arrays": {"w": np.ones(1 << 20), "steps": 0},
    "a tuple": (np.ones(1 << 20), 0.5),
    "a list of a hundred thousand numbers": [0.5] * 100_000,
    "an array": np.ones((1 << 10, 1 << 10)),
    "a nest": {"a": [({"b": [np.ones(1 << 18)]},)]},
}


@pytest.mark.attack("F17", f"{len(MODELS)} models that are values, to be read, compared and paid for by the host")
def test_a_model_that_is_a_value_stays_inside_and_a_value_is_none(attack, student_of):
    def asks(model):
        return student_of(
            build=lambda: model, both=lambda: (model, 0.5), named=lambda: {"best": model},
            used=lambda argument: float(argument is model),
        )  # fmt: skip

    by_value = asks(MODELS["an array"])
    by_value.script.calls = lambda head: answer(head, MODELS["an array"], single=True)
    with pytest.raises(WrongType):
        by_value.student.build()
    size = by_value.reply_bytes
    attack.fired(size > 8 << 20, f"{size} bytes cross where a worker sends a model as a value")
    crossed = []
    for what, model in MODELS.items():
        measured = asks(model)
        handles = [measured.student.build(), measured.student.both()[0], measured.student.named()["best"]]
        crossed.append(measured.reply_bytes)
        assert [measured.student.used(handle) for handle in handles] == [1.0] * 3, what
        for forged in (f4(3), np.array(1.0)):
            measured.script.calls = lambda head, forged=forged: answer(head, forged, single=True)
            with pytest.raises(WrongType):
                measured.student.build()
    attack.came_to(f"each is the very object again, for {max(crossed)} bytes; a value sent in its place: wrong type")
    assert max(crossed) < 1000
