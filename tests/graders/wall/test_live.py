"""Functions of this process are asked as a worker's are: same forms, same checks, same words."""

import linecache

import numpy as np
import pytest

from assignments.assignment import Limits
from assignments.interface import read_interface
from graders.failures import MissingFunction, Raised, WrongType
from graders.wall.live import LiveSession
from graders.wall.student import Handle, Student, WorkerClient

INTERFACE = '''
import numpy as np
from assignments.interface import Model
from jaxtyping import Float


def twice(x: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Twice the numbers."""


def both() -> tuple[int, str]:
    """A number and a text."""


def number(x: float) -> float:
    """A number."""


def build(config: dict) -> Model:
    """A model."""
'''


@pytest.fixture(scope="module")
def interface(tmp_path_factory):
    path = tmp_path_factory.mktemp("live") / "interface.py"
    path.write_text(INTERFACE)
    return read_interface(path)


@pytest.fixture
def student_of(interface):
    def student(**names):
        session = LiveSession("numpy", names, Limits())
        session.begin()
        return Student(WorkerClient(session, interface, 10.0))

    return student


def test_a_call_returns_what_the_function_returns(student_of):
    student = student_of(twice=lambda x: 2 * x, both=lambda: (1, "a"))
    assert student.twice(np.array([1.0, 2.0])).tolist() == [2, 4]
    assert student.both() == (1, "a")


def test_a_function_receives_a_copy_and_the_test_keeps_its_array(student_of):
    def clear(x):
        x[:] = 0
        return x

    x = np.ones(2)
    assert student_of(twice=clear).twice(x).tolist() == [0, 0]
    assert x.tolist() == [1, 1]


def test_an_object_stays_where_it_is_and_is_asked_by_a_handle(student_of):
    class Model:
        size = 7

    model = student_of(build=lambda config: Model()).build({})
    assert isinstance(model, Handle)
    assert model.get("size") == 7


def test_a_function_that_is_missing_is_named(student_of):
    with pytest.raises(MissingFunction, match="twice"):
        student_of().twice(np.ones(1))


def test_a_reply_that_cannot_cross_is_a_wrong_type(student_of):
    with pytest.raises(WrongType):
        student_of(number=lambda x: 1 << 80).number(0.0)


def test_an_exception_says_in_which_line_of_its_cell_it_was_raised(student_of):
    name = "/tmp/ipykernel_7/3.py"
    source = "def half(x):\n    return x / 0\n"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    names = {}
    exec(compile(source, name, "exec"), names)
    with pytest.raises(Raised) as failure:
        student_of(number=names["half"]).number(1.0)
    assert failure.value.kind == "ZeroDivisionError"
    assert failure.value.where == "half, line 2 of its cell: return x / 0"


def test_ctrl_c_is_no_answer(student_of):
    def interrupt(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        student_of(number=interrupt).number(0.0)
