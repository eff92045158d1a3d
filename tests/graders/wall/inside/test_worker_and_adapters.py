"""The forms of docs/wire.md inside a worker, and the probes of both frameworks on equal models."""

import importlib.util
import math

import numpy as np
import pytest

from assignments.assignment import Limits
from assignments.interface import read_interface
from graders.failures import ImportFailed, MissingFunction, NotProbed, Raised, ReplyTooLarge, WrongShape, WrongType
from graders.wall.sandboxes.local import Local
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from graders.wall.student import Handle, Student, WorkerClient

INTERFACE = """
import numpy as np
from jaxtyping import Float, Float32
from assignments.interface import Model
def weights(seed: int) -> Float32[np.ndarray, "k"]: ...
def square(x: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]: ...
def ignore(x: Float[np.ndarray, "n"]) -> Float[np.ndarray, ""]: ...
def kinds(x: Float[np.ndarray, "n"]) -> str: ...
def build_model() -> Model: ...
def odd(what: str) -> float: ...
def doubled(counter: Model, times: int) -> int: ...
def absent() -> float: ...
def made(kind: str) -> Model: ...
def both(kind: str) -> tuple[Model, float]: ...
def step(model: Model, x: Float32[np.ndarray, "n"]) -> float: ...
def again(model: Model) -> Model: ...
def same(model: Model) -> bool: ...
def axes(count: int) -> Float[np.ndarray, "..."]: ...
def chance() -> list[float]: ...
"""
COMMON = """
import random
import numpy as np
AT_IMPORT = np.random.random()
def chance(): return [AT_IMPORT, random.random(), np.random.random(), *drawn()]
def kinds(x): return type(x).__module__.partition(".")[0]
def doubled(counter, times):
    for _ in range(times): counter.count()
    return counter.calls
class Odd(Exception):
    def __str__(self): raise SystemExit(1)
def odd(what):
    if what == "sys.exit": raise SystemExit(3)
    if what == "its own": raise Odd()
    if what == "surrogate": return "\\udc80"
    if what == "large integer": return 2 ** 70
    if what == "cycle":
        loop = []; loop.append(loop); return loop
    if what == "long": return ["x" * 200] * 20000
    if what == "longdouble": return np.longdouble(1)
    if what == "nested": return 1 if what == "" else odd("sys.exit")
    raise ValueError("no " + what)
MADE = []
def made(kind):
    w = weights_of(np.arange(3, dtype=np.float32))
    MADE.append({"dict": {"w": w, "steps": 0}, "list": [w, 0], "tuple": (w, {"steps": 0}), "array": w, "number": 7,
                 "tensors": {"w": w, 1: w}, "text": "model", "nothing": None, "function": made}[kind])
    return MADE[-1]
def both(kind): return made(kind), 0.5
def again(model): return model
def same(model): return model is MADE[-1]
def step(model, x):
    assert model is MADE[-1]
    model["w"] = model["w"] + x
    model["steps"] += 1
    return float(sum(model["w"]))
def axes(count): return np.ones((1,) * count)
"""
NUMPY = (
    COMMON
    + """
def weights_of(array): return array
def square(x): return x * x
def ignore(x): return np.float64(1.0)
def build_model(): return object()
def drawn(): return []
"""
)
PYTORCH = (
    COMMON
    + """
import torch
def weights_of(array): return torch.from_numpy(array)
def square(x): return x * x
def ignore(x): return torch.tensor(1.0)
def weights(seed): return torch.rand(4).numpy()
def drawn(): return [float(torch.rand(())), float(Net().dense.weight[0, 0])]
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = torch.nn.Linear(2, 1)
        self.frozen = torch.nn.Parameter(torch.ones(3), requires_grad=False)
        self.drop = torch.nn.Dropout(0.5)
        self.register_buffer("mean", torch.zeros(5))
    def forward(self, x): return self.dense(self.drop(x))[:, 0] ** 2
def build_model(): return Net()
"""
)
TENSORFLOW = (
    COMMON
    + """
import tensorflow as tf
def weights_of(array): return tf.Variable(array)
def square(x): return x * x
def ignore(x): return tf.constant(1.0)
def weights(seed): return tf.random.uniform([4]).numpy()
def drawn(): return [float(tf.random.uniform([])), float(Net().dense.kernel[0, 0])]
class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tf.keras.layers.Dense(1)
        self.drop = tf.keras.layers.Dropout(0.5)
        self.mean = self.add_weight(shape=(5,), initializer="zeros", trainable=False, name="mean")
        self(tf.zeros((1, 2)))
    def call(self, x, training=False): return self.dense(self.drop(x, training=training))[:, 0] ** 2
def build_model(): return Net()
"""
)
DOUBLES = """
class Counter:
    def __init__(self, start): self.calls = start
    def count(self): self.calls += 1
"""
SOURCES = {"numpy": NUMPY, "pytorch": PYTORCH, "tensorflow": TENSORFLOW}
LIMITS = Limits(reply_mb=1)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Opens a framework's session: `opened("pytorch")` -> a student."""
    contexts = []

    def open_student(framework):
        folder = tmp_path_factory.mktemp(framework)
        (folder / "solution.py").write_text(SOURCES[framework])
        (folder / "interface.py").write_text(INTERFACE)
        context = Local().open(SandboxSpec(folder, framework, LIMITS))
        session = Session(context.__enter__(), LIMITS, folder)
        contexts.append(context)
        session.begin()
        return Student(WorkerClient(session, read_interface(folder / "interface.py"), 60.0, DOUBLES))

    yield open_student
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def plain(opened):
    return opened("numpy")


def chances(student, seed):
    """What chance gives in a fresh worker."""
    client = student._client
    return Student(WorkerClient(client.session, client.interface, 60.0, seed=seed)).chance()


def test_of_two_workers_with_one_seed_all_chance_is_the_same(plain):
    first = chances(plain, 5)
    assert chances(plain, 5) == first
    assert not set(chances(plain, 6)) & set(first)


def test_a_name_that_is_not_there_is_missing(plain):
    with pytest.raises(MissingFunction):
        plain.absent()


@pytest.mark.parametrize(
    ("what", "failure", "kind"),
    [
        ("else", Raised, "ValueError"),
        ("sys.exit", Raised, "SystemExit"),
        ("nested", Raised, "SystemExit"),
        ("its own", Raised, "Exception"),
        ("surrogate", WrongType, None),
        ("large integer", WrongType, None),
        ("cycle", WrongType, None),
        ("longdouble", WrongType, None),
        ("long", ReplyTooLarge, None),
    ],
)
def test_a_request_that_cannot_be_answered_is_reported_and_the_worker_lives(plain, what, failure, kind):
    with pytest.raises(failure) as caught:
        plain.odd(what)
    assert (type(caught.value), caught.value.kind) == (failure, kind)
    assert plain.square(np.array([3.0])).tolist() == [9.0]


def test_a_line_of_the_groups_own_is_named_and_what_it_said_is_kept_apart(plain):
    with pytest.raises(Raised) as caught:
        plain.odd("else")
    line = 1 + NUMPY.split("\n").index('    raise ValueError("no " + what)')
    assert caught.value.where == f"solution.py:{line}"
    assert "no else" in str(caught.value)
    cause = (caught.value.reason, caught.value.kind, caught.value.where)
    assert "no else" not in " ".join(map(str, cause))


def test_a_double_is_made_inside_of_the_assignments_own_class(plain):
    counter = plain.double("Counter", 10)
    assert type(counter) is Handle
    assert plain.doubled(counter, 3) == 13
    with pytest.raises(Raised, match="no class Nobody"):
        plain.double("Nobody")


def test_put_keeps_what_would_be_a_value(plain):
    handle = plain.put({"a": [1, np.arange(3)]})
    assert type(handle) is Handle
    assert handle.item("a")[1].tolist() == [0, 1, 2]


def test_arrays_come_in_writable_and_aligned(plain):
    handle = plain.put([np.zeros(1, np.int8), np.zeros(3)])
    assert handle.item(1).tolist() == [0, 0, 0]


def test_numpy_tensors_are_arrays_and_models_have_no_probes(plain):
    assert plain.tensors.kinds(np.ones(2)) == "numpy"
    with pytest.raises(NotProbed):
        plain.model.parameters(plain.build_model())


def test_a_solution_that_is_not_there_is_an_import_that_failed(plain, tmp_path):
    session = plain._client.session
    with pytest.raises(ImportFailed):
        session.worker(5.0, solution=str(tmp_path))


def installed(framework):
    package = {"pytorch": "torch", "tensorflow": "tensorflow"}[framework]
    missing = importlib.util.find_spec(package) is None
    return pytest.param(framework, marks=pytest.mark.skipif(missing, reason=f"{package} is not installed"))


@pytest.fixture(scope="module", params=[installed("pytorch"), installed("tensorflow")])
def framework(request):
    return request.param


@pytest.fixture(scope="module")
def student(opened, framework):
    return opened(framework)


@pytest.fixture(scope="module")
def net(student):
    return student.build_model()


X = np.array([[1.0, 2.0], [3.0, -1.0]], np.float32)


@pytest.fixture
def known_parameters(student, net, framework):
    """The model with weights 0.5 and -1 and bias 2: (0.5 a - b + 2)^2."""
    kernel = np.array([[0.5, -1.0]], np.float32)
    bias = np.array([2.0], np.float32)
    student.model.set_parameters(net, [kernel if framework == "pytorch" else kernel.T.copy(), bias])
    return net


def test_the_zygote_has_one_thread_and_reports_its_imports(student, framework):
    info = student._client.session.info
    assert info["threads"] == 1
    assert {"pytorch": "torch", "tensorflow": "tensorflow"}[framework] in info["versions"]
    assert info["import_cpu_s"] > 0


def test_the_seed_of_a_worker_decides_the_frameworks_chance_too(student):
    first = chances(student, 5)
    assert len(set(first)) == 5
    assert chances(student, 5) == first
    assert not set(chances(student, 6)) & set(first)


def test_tensors_are_the_frameworks_and_replies_arrays(student, framework):
    name = {"pytorch": "torch", "tensorflow": "tensorflow"}[framework]
    assert student.tensors.kinds(np.ones(2)) == name
    assert student.kinds(np.ones(2)) == "numpy"
    for kind in (np.float16, np.float32, np.float64):
        answer = student.tensors.square(np.array([1, 2, 3], kind))
        assert answer.dtype == kind
        assert answer.tolist() == [1, 4, 9]


def test_a_gradient_is_that_of_the_sum(student):
    x = np.array([1.0, -2.0, 0.5])
    assert student.gradient.square(x, wrt=0).tolist() == [2.0, -4.0, 1.0]
    assert student.gradient.square(x=x, wrt="x").tolist() == [2.0, -4.0, 1.0]
    assert student.gradient.ignore(x, wrt=0).tolist() == [0, 0, 0]


def test_parameters_are_the_trained_ones(student, net):
    assert student.model.parameter_count(net) == 3
    assert sorted(math.prod(p.shape) for p in student.model.parameters(net)) == [1, 2]
    assert 5 in [buffer.size for buffer in student.model.buffers(net)]


def test_forward_is_the_models_own(student, known_parameters):
    assert student.model.forward(known_parameters, X).tolist() == [0.25, 20.25]


def test_the_model_learns_of_training_and_evaluation_is_the_default(student, known_parameters):
    x = np.ones((64, 2), np.float32)
    assert len(np.unique(student.model.forward(known_parameters, x))) == 1
    assert len(np.unique(student.model.forward(known_parameters, x, training=True))) > 1
    assert len(np.unique(student.model.forward(known_parameters, x))) == 1


def test_gradients_of_a_model_by_hand(student, known_parameters):
    weight = np.array([1.0, 2.0], np.float32)
    # d/dw of (w.x + b)^2 is 2 (w.x + b) x: the rows give 2 * 0.5 and 2 * 4.5, weighted with 1 and 2.
    kernel, bias = student.model.parameter_gradients(known_parameters, X, weight)
    assert kernel.ravel().tolist() == [1 * 1 + 18 * 3, 1 * 2 + 18 * -1]
    assert bias.tolist() == [19.0]
    assert student.model.input_gradient(known_parameters, X, weight).tolist() == [[0.5, -1.0], [9.0, -18.0]]


def test_set_parameters_refuses_another_number_of_them(student, net):
    with pytest.raises(WrongShape):  # they had another shape before
        student.model.set_parameters(net, [np.zeros((1, 2), np.float32)])
    with pytest.raises(Raised):
        student.model.set_parameters(student.build_model(), [np.zeros((1, 2), np.float32)])


KINDS = ["dict", "list", "tuple", "array", "number", "tensors", "text", "function"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_any_kind_stays_inside_and_comes_back_as_the_very_object(student, kind):
    model = student.made(kind)
    assert type(model) is Handle
    assert student.same(model)
    assert student.tensors.same(model), "in the frameworks' tensors too"
    assert student.tensors.same(student.tensors.made(kind))
    inner, number = student.tensors.both(kind)
    assert (type(inner), number, student.same(inner)) == (Handle, 0.5, True)
    assert student.same(student.tensors.again(student.again(inner)))


def test_a_step_on_a_dict_of_weights_is_seen_in_it(student):
    model = student.made("dict")
    x = np.full(3, 2, np.float32)
    assert student.tensors.step(model, x) == 0 + 1 + 2 + 6
    assert student.tensors.step(model, x) == 0 + 1 + 2 + 12
    assert model.item("steps") == 2
    assert model.item("w").fetch().tolist() == [4, 5, 6]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_none_of_a_frameworks_models_is_not_probed(student, kind):
    model, ones = student.made(kind), np.ones((1, 2), np.float32)
    probes = student.model
    for ask in (
        lambda: probes.forward(model, ones), lambda: probes.parameter_count(model), lambda: probes.parameters(model),
        lambda: probes.set_parameters(model, [ones]), lambda: probes.buffers(model),
        lambda: probes.parameter_gradients(model, ones, ones), lambda: probes.input_gradient(model, ones, ones),
    ):  # fmt: skip
        with pytest.raises(NotProbed, match="not one of a framework's"):
            ask()
    assert student.kinds(np.ones(1)) == "numpy"


def test_nothing_is_no_model(student):
    with pytest.raises(WrongType):
        student.made("nothing")
    with pytest.raises(WrongType):
        student.both("nothing")


def test_an_array_of_nine_axes_is_too_large_an_answer_and_one_of_eight_is_none(plain):
    assert plain.axes(8).shape == (1,) * 8
    with pytest.raises(ReplyTooLarge, match="9 axes; 8 can cross"):
        plain.axes(9)
    assert plain.square(np.array([3.0])).tolist() == [9.0]
    with pytest.raises(TypeError, match="at most 8 axes, not 9"):
        plain.put(np.ones((1,) * 9))


def test_one_seed_gives_one_stream(student):
    drawn = []
    for seed in (1, 1, 2):
        student.model.set_seed(seed)
        drawn.append(student.weights(seed).tolist())
    assert drawn[0] == drawn[1] != drawn[2]


def test_what_is_no_model_cannot_be_probed_and_costs_no_session(student):
    with pytest.raises((Raised, NotProbed)):
        student.model.forward(student.put(3), X)
    assert student.kinds(np.ones(1)) == "numpy"
