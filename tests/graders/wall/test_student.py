"""The student object and its handles, on a scripted worker."""

import contextlib
import copy
import operator
import pickle

import numpy as np
import pytest

from assignments.assignment import Limits
from assignments.interface import read_interface
from graders.failures import (
    ImportFailed,
    MissingFunction,
    NonFiniteAnswer,
    NotProbed,
    ProtocolViolation,
    Raised,
    WrongShape,
    WrongType,
)
from graders.wall.inside import values as inside_values
from graders.wall.session import Session
from graders.wall.student import Handle, Student, WorkerClient
from tests import scripted
from tests.scripted import ScriptedChannel, replied

INTERFACE = """
import numpy as np
from jaxtyping import Float
from assignments.interface import Model

def add(a: float, b: float) -> float: ...
def scale(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]: ...
def build_model(width: int) -> Model: ...
def take_model(model: Model) -> int: ...
def fill(x: Float[np.ndarray, "n"]) -> None: ...
def gone() -> float: ...

class Scaler:
    mean_: Float[np.ndarray, "d"]
    def __init__(self, eps: float = 0.0): ...
    def fit(self, x: Float[np.ndarray, "n d"]) -> None: ...
    def count(self) -> int: ...
"""


class Net:
    weight = np.array([2.0, 3.0])
    nothing = np.zeros(0)
    name = "net"

    def __init__(self, width):
        self.layers = [Layer(i) for i in range(width)]

    def __add__(self, other):
        return 40 + other

    def __neg__(self):
        return -1

    def __getitem__(self, index):
        return self.layers[index]


class Layer:
    def __init__(self, index):
        self.place = index


class Scaler:
    def __init__(self, eps=0.0):
        self.mean_ = None

    def fit(self, x):
        self.mean_ = x.mean(0)

    def count(self):
        return "many"


def fill(x):
    x[...] = 7.0


SOLUTION = {
    "add": lambda a, b: a + b,
    "scale": lambda x: x * 2,
    "build_model": Net,
    "take_model": lambda model: len(model.layers),
    "fill": fill,
    "Scaler": Scaler,
}


@pytest.fixture
def interface(tmp_path):
    (tmp_path / "interface.py").write_text(INTERFACE)
    return read_interface(tmp_path / "interface.py")


@pytest.fixture
def script():
    return scripted.Student(SOLUTION)


@pytest.fixture
def open_client(interface, script):
    with ScriptedChannel(script) as channel:
        session = Session(channel, Limits())
        session.begin()
        yield lambda: WorkerClient(session, interface, 5.0)


@pytest.fixture
def student(open_client):
    return Student(open_client())


@pytest.fixture
def net(student):
    return student.build_model(3)


# Calls


def test_a_call_answers_with_the_declared_value(student):
    assert student.add(1.5, b=2.0) == 3.5
    assert student.scale(np.ones((2, 3))).tolist() == [[2.0] * 3] * 2


def test_no_worker_is_forked_before_the_first_question(open_client, script):
    student = Student(open_client())
    assert script.verbs == ["begin"]
    student.add(1.0, 1.0)
    student.add(1.0, 1.0)
    assert script.verbs == ["begin", "worker", "call", "call"]


def test_a_name_that_the_interface_lacks_is_the_authors_mistake(student):
    for form in (student, student.tensors, student.gradient):
        with pytest.raises(AttributeError, match="does not declare 'subtract'"):
            getattr(form, "subtract")  # noqa: B009 - named as a test would
        with pytest.raises(AttributeError):
            getattr(form, "_private")  # noqa: B009 - named as a test would


def test_a_name_that_the_solution_lacks_is_missing_and_named_as_the_interface_has_it(student):
    with pytest.raises(MissingFunction) as caught:
        student.gone()
    assert caught.value.kind == "gone"


def test_an_object_where_a_value_was_due_is_the_wrong_type(script, student):
    script.solution.add = lambda a, b: Layer(1)
    with pytest.raises(WrongType, match="stays inside"):
        student.add(1.0, 1.0)


def test_the_names_that_tests_use_are_recorded(open_client):
    client = open_client()
    Student(client).add(1.0, 2.0)
    Student(client).Scaler()
    assert client.names_used == {"add", "Scaler"}


def test_an_import_that_fails_is_tried_once(open_client, script):
    def failing(head, body):
        if head["verb"] == "worker":
            script.verbs.append("worker")
            return replied({"id": head["id"], "kind": "raised", "builtin": "KeyError", "importing": True})
        return script(head, body)

    client = open_client()
    client.session._channel.script = failing
    for _ in range(3):
        with pytest.raises(ImportFailed):
            Student(client).add(1.0, 1.0)
    assert script.verbs == ["begin", "worker", "end"]
    assert client.close() is not None, "what the import used is told"


# Handles


def test_a_model_stays_inside_and_can_be_passed_back(student, net):
    assert type(net) is Handle
    assert student.take_model(net) == 3


IMPLICIT = {
    "==": lambda h: h == 1,
    "== itself": lambda h: h == h,
    "== from the left": lambda h: h == 1,
    "!=": lambda h: h != 1,
    "<": lambda h: h < 1,
    "<=": lambda h: h <= 1,
    ">": lambda h: h > 1,
    ">=": lambda h: h >= 1,
    "bool": bool,
    "not": operator.not_,
    "float": float,
    "int": int,
    "complex": complex,
    "index": operator.index,
    "range": range,
    "len": len,
    "iter": iter,
    "list": list,
    "in": lambda h: 1 in h,
    "in a list": lambda h: h in [1],
    "reversed": reversed,
    "hash": hash,
    "set": lambda h: {h},
    "abs": abs,
    "round": round,
    "call": lambda h: h(),
    "asarray": np.asarray,
    "array": lambda h: np.array([h, h], float),
    "np.add": lambda h: np.add(1.0, h),
    "np.isclose": lambda h: np.isclose(h, 1.0),
    "np.mean": np.mean,
    "array ==": lambda h: np.ones(2) == h,
    "approx": lambda h: h == pytest.approx(1.0),
    "approx from the left": lambda h: pytest.approx(1.0) == h,
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "format": lambda h: f"{h:.2f}",
    "set an item": lambda h: operator.setitem(h, 0, 1),
    "with": lambda h: contextlib.ExitStack().enter_context(h),
}


@pytest.mark.parametrize("what", IMPLICIT)
def test_nothing_implicit_works_on_a_handle(net, what):
    with pytest.raises((TypeError, AttributeError)):
        IMPLICIT[what](net)


def test_arithmetic_returns_handles(student, net):
    for result in (net + 2, net[1], -net):
        assert type(result) is Handle
    assert (net + 2).fetch().tolist() == 42
    number = student.put(3.0)
    for result, value in [
        (2 + number, 5), (number - 1, 2), (1 - number, -2), (number * 2, 6), (2 * number, 6), (number / 2, 1.5),
        (6 / number, 2), (number**2, 9), (number + number, 6), (np.float64(1) + number, 4),
        (np.ones(2) * number, [3, 3]),
    ]:  # fmt: skip
        assert type(result) is Handle
        assert result.fetch().tolist() == value
    assert (student.put(np.eye(2)) @ np.ones(2)).fetch().tolist() == [1, 1]
    assert (np.ones(2) @ student.put(np.eye(2))).fetch().tolist() == [1, 1]


def test_a_value_where_a_handle_was_due_is_a_violation(script, net):
    script.calls = lambda head: replied({"id": head["id"], "kind": "value", "value": 42, "arrays": []})
    with pytest.raises(ProtocolViolation):
        net + 2


def test_attributes_items_and_lengths_have_named_forms(student, net):
    assert net.get("weight").tolist() == [2.0, 3.0]
    assert net.get("name") == "net"
    layers = net.get("layers")
    assert [type(layer) for layer in layers] == [Handle] * 3
    assert layers[2].get("place") == 2
    items = student.put([5, {"k": 6}])
    assert (items.length(), items.item(0), items.item(1), items.take(1)) == (2, 5, {"k": 6}, [5])


def test_an_attribute_that_is_not_there_is_missing_and_not_named(net):
    with pytest.raises(MissingFunction) as caught:
        net.get("absent")
    assert caught.value.kind is None, "the interface does not have it"


def test_what_a_handle_gives_is_finite_and_holds_something(student, net):
    with pytest.raises(WrongShape):
        net.get("nothing")
    with pytest.raises(NonFiniteAnswer):
        student.put(np.array([np.nan])).fetch()
    with pytest.raises(WrongShape):
        student.put(np.zeros(0)).fetch()


def test_more_items_than_were_requested_are_a_violation(script, student):
    items = student.put([1, 2])
    script.calls = lambda head: replied({"id": head["id"], "kind": "value", "value": [1, 2, 3], "arrays": []})
    with pytest.raises(ProtocolViolation):
        items.take(2)


def test_a_change_in_place_is_seen_in_what_was_put(student):
    x = student.put(np.zeros(3))
    assert student.fill(x) is None
    assert x.fetch().tolist() == [7.0] * 3


def test_declared_methods_and_attributes_are_typed(student):
    scaler = student.Scaler(eps=0.1)
    assert scaler.fit(np.array([[1.0, 3.0], [3.0, 5.0]])) is None
    assert scaler.get("mean_").tolist() == [2.0, 4.0]
    with pytest.raises(WrongType):
        scaler.count()
    with pytest.raises(TypeError):
        scaler.fit(np.ones(3))


def test_a_generator_is_made_inside(student):
    expected = np.random.default_rng(3).random()
    assert student.generator(3).random() == expected


def test_a_handle_of_another_worker_is_refused(open_client, net):
    other = Student(open_client())
    with pytest.raises(TypeError, match="another worker"):
        other.take_model(net)
    with pytest.raises(TypeError, match="another worker"):
        other.build_model(1) + net


def test_a_handle_of_a_worker_that_was_ended_is_refused(open_client):
    client = open_client()
    net = Student(client).build_model(1)
    client.close()
    with pytest.raises(TypeError, match="was ended"):
        net.get("weight")


def test_a_forged_handle_means_something_in_its_own_worker_only(script, student):
    node = {"h": 999, "is": "x"}
    script.calls = lambda head: replied({"id": head["id"], "kind": "value", "value": node, "arrays": []})
    forged = student.build_model(1)
    script.calls = lambda head: None
    with pytest.raises(Raised):
        student.take_model(forged)


def test_the_numpy_framework_has_no_probes(net, student):
    with pytest.raises(NotProbed):
        student.model.parameter_count(net)
    with pytest.raises(NotProbed):
        student.gradient.add(1.0, 2.0, wrt=0)


def test_a_gradient_has_the_shape_of_its_argument(script, student):
    script.calls = lambda head: replied(
        {"id": head["id"], "kind": "value", "value": {"a": 0}, "arrays": [["<f8", [2]]]}, bytes(16)
    )
    with pytest.raises(WrongShape):
        student.gradient.scale(np.ones((2, 2)), wrt=0)


# Probes


@pytest.fixture
def tells(script, net):
    """`tells(probe=array or list of them)`: from now on, those probes of the model answer so."""
    shapes = {}

    def calls(head):
        if head["do"] != "probe":
            return None
        answer = shapes[head["name"]]
        arrays = answer if isinstance(answer, list) else [answer]
        value = [{"a": i} for i in range(len(arrays))] if isinstance(answer, list) else {"a": 0}
        table = [[array.dtype.str, list(array.shape)] for array in arrays]
        return replied({"id": head["id"], "kind": "value", "value": value, "arrays": table}, b"".join(
            array.tobytes() for array in arrays
        ))  # fmt: skip

    script.calls = calls
    return shapes.update


X = np.ones((2, 3), np.float32)


def f4(*shape):
    return np.ones(shape, np.float32)


PROBED = {
    "parameters": lambda model, net: model.parameters(net),
    "parameter_gradients": lambda model, net: model.parameter_gradients(net, X, X),
    "buffers": lambda model, net: model.buffers(net),
    "forward": lambda model, net: model.forward(net, X),
}
GROWN = [[f4(1, 4)], [f4(4)], [f4(4, 1), f4(4, 1)], [f4(4, 1, 1)], []]


@pytest.mark.parametrize(("first", "then"), [
    ("parameters", "parameters"), ("parameters", "parameter_gradients"), ("parameter_gradients", "parameters"),
    ("parameter_gradients", "parameter_gradients"), ("buffers", "buffers"),
])  # fmt: skip
@pytest.mark.parametrize("grown", GROWN, ids=str)
def test_what_probes_tell_of_one_model_keeps_its_number_and_shapes(student, net, tells, first, then, grown):
    tells(**{first: [f4(4, 1)]})
    assert PROBED[first](student.model, net)[0].shape == (4, 1)
    tells(**{then: grown})
    with pytest.raises(WrongShape, match=r"\(4, 1\).* before"):
        PROBED[then](student.model, net)
    tells(**{then: [f4(4, 1)]})
    assert PROBED[then](student.model, net)[0].shape == (4, 1), "the first shapes stay known"


def test_an_input_of_one_shape_has_an_output_of_one_shape(student, net, tells):
    tells(forward=f4(2))
    assert student.model.forward(net, X).shape == (2,)
    for grown in (f4(2, 1), f4(1, 2), f4(1)):
        tells(forward=grown)
        for training in (False, True):
            with pytest.raises(WrongShape):
                student.model.forward(net, X, training=training)
    assert student.model.forward(net, X[:1]).shape == (1,), "an input of another shape is another question"


def test_a_model_that_is_built_with_its_first_batch_has_no_parameters_before(student, net, tells):
    tells(parameters=[])
    assert student.model.parameters(net) == []
    tells(parameters=[f4(3)])
    assert len(student.model.parameters(net)) == 1
    tells(parameters=[])
    with pytest.raises(WrongShape):
        student.model.parameters(net)


def test_each_model_has_shapes_of_its_own(student, net, tells, script):
    calls, script.calls = script.calls, lambda head: None
    other = student.build_model(2)
    script.calls = calls
    tells(parameters=[f4(3)])
    student.model.parameters(net)
    tells(parameters=[f4(5)])
    assert student.model.parameters(other)[0].shape == (5,)


@pytest.mark.parametrize("kind", ["?", "i4", "u1"])
def test_parameters_and_gradients_are_floats_and_buffers_need_not_be(student, net, tells, kind):
    tells(**{name: [np.ones(3, kind)] for name in PROBED}, input_gradient=np.ones(X.shape, kind))
    for ask in (PROBED["parameters"], PROBED["parameter_gradients"], lambda m, net: m.input_gradient(net, X, X)):
        with pytest.raises(WrongType, match="where floats were due"):
            ask(student.model, net)
    assert student.model.buffers(net)[0].dtype == kind


def test_parameters_of_another_shape_than_before_are_never_set(student, net, tells, script):
    tells(parameters=[f4(2, 3), f4(3)])
    parameters = student.model.parameters(net)
    count = len(script.verbs)
    for values in ([f4(3, 2), f4(3)], [f4(2, 3)], [], [f4(2, 3), f4(3), f4(1)]):
        with pytest.raises(WrongShape):
            student.model.set_parameters(net, values)
    assert len(script.verbs) == count, "nothing was asked"
    script.calls = lambda head: replied({"id": head["id"], "kind": "value", "value": None, "arrays": []})
    student.model.set_parameters(net, parameters)


def test_a_gradient_is_made_of_floats(script, student):
    script.calls = lambda head: replied(
        {"id": head["id"], "kind": "value", "value": {"a": 0}, "arrays": [["|u1", [2, 2]]]}, bytes(4)
    )
    with pytest.raises(WrongType):
        student.gradient.scale(np.ones((2, 2)), wrt=0)


# Files


def test_files_of_a_folder_come_as_bytes_and_go_to_another_worker(open_client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "saved" / "deep").mkdir(parents=True)
    (tmp_path / "saved" / "deep" / "w.bin").write_bytes(b"\x00\xff")
    (tmp_path / "saved" / "empty").write_bytes(b"")
    files = Student(open_client()).fetch_files("saved")
    assert {name: content.tobytes() for name, content in files.items()} == {"deep/w.bin": b"\x00\xff", "empty": b""}
    Student(open_client()).put_files("again", files)
    assert (tmp_path / "again" / "deep" / "w.bin").read_bytes() == b"\x00\xff"
    assert Student(open_client()).fetch_files("nothing") == {}


BYTES = np.zeros(3, np.uint8)
HOSTILE_FILES = {
    "a name that leads out": {"../x": BYTES},
    "an absolute name": {"/etc/passwd": BYTES},
    "a name with an empty part": {"a//b": BYTES},
    "no name": {"": BYTES},
    "a name of another system": {"a\\b": BYTES},
    "a name that cannot be printed": {"a\x1b[2J": BYTES},
    "a long name": {"x" * 201: BYTES},
    "too many": {str(number): np.zeros(0, np.uint8) for number in range(257)},
    "numbers": {"a": np.zeros(3)},
    "two axes": {"a": np.zeros((1, 3), np.uint8)},
    "text": {"a": "bytes"},
    "a handle": {"a": object()},
    "a list": [BYTES],
}


@pytest.mark.parametrize("what", HOSTILE_FILES)
def test_files_that_no_honest_worker_sends_are_the_submissions_failure(open_client, script, what):
    encoder = inside_values.Encoder(lambda _: 7)
    node = encoder.encode(HOSTILE_FILES[what])
    body = b"".join(bytes(part) for part in encoder.parts)

    def answer(head):
        if head["do"] == "fetch_files":
            return replied({"id": head["id"], "kind": "value", "value": node, "arrays": encoder.arrays}, body)
        return None

    script.calls = answer
    with pytest.raises((ProtocolViolation, WrongType, WrongShape)):
        Student(open_client()).fetch_files("saved")


@pytest.mark.parametrize("name", ["../x", "/x", "a//b"])
def test_an_author_cannot_write_outside_the_workers_folder(student, name):
    with pytest.raises(ProtocolViolation):
        student.put_files("again", {name: BYTES})
    with pytest.raises(Raised):
        student.put_files(name, {"x": BYTES})
