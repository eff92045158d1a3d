"""Cases as arguments: lists where they are declared, one array elsewhere, read while they are sent."""

import json
from typing import TypedDict

import numpy as np
import pytest
from jaxtyping import Float32, UInt8

from assignments.data.columns import Column, MadeCase
from assignments.interface import read_interface
from graders.failures import DataFailure
from graders.wall.cases import as_declared, training_arguments
from graders.wall.inside import values
from graders.wall.replies import bound
from graders.wall.transfer import transfer
from graders.wall.wire import BODY_CAP, Encoder, UnreadPart, arrays_of, decode, frame
from tests.scripted import ScriptedChannel, keeper_reply

A = np.ndarray


class Volumes(TypedDict):
    image: list[Float32[A, "d h w"]]
    label: list[UInt8[A, "d h w"]]
    spacing: Float32[A, "n 3"]


class Boxes(TypedDict):
    image: Float32[A, "n d h w"]


SHAPES = [(2, 3, 4), (1, 5, 2)]
IMAGES = [np.arange(np.prod(shape), dtype=np.float32).reshape(shape) for shape in SHAPES]
LABELS = [np.ones(shape, np.uint8) for shape in SHAPES]
SPACING = np.ones((2, 3), np.float32)


def column(arrays, reads=None):
    """Arrays as a column; each that is read is added to `reads`."""

    def read(array):
        if reads is not None:
            reads.append(array.shape)
        return array

    return Column([MadeCase(lambda a=array: read(a), array.dtype, array.shape) for array in arrays])


def arrived(value):
    """A value as the sandbox decodes it."""
    encoder = Encoder(lambda _: None)
    node = encoder.encode(value)
    body = b"".join(bytes(p.read() if isinstance(p, UnreadPart) else p) for p in encoder.parts)
    return values.decode(node, values.arrays_of(encoder.arrays, bytearray(body)), lambda _: None), node, encoder, body


def test_cases_of_different_sizes_arrive_as_a_list():
    sent = as_declared({"image": column(IMAGES), "label": column(LABELS), "spacing": SPACING}, Volumes)
    got, *_ = arrived(sent)
    assert [image.tolist() for image in got["image"]] == [image.tolist() for image in IMAGES]
    assert [label.dtype for label in got["label"]] == [np.uint8, np.uint8]
    assert got["spacing"].tolist() == SPACING.tolist()


def test_an_array_arrives_as_a_list_too_where_lists_are_declared():
    got, *_ = arrived(as_declared({"image": np.stack([IMAGES[0]] * 2)}, Volumes))
    assert [image.tolist() for image in got["image"]] == [IMAGES[0].tolist()] * 2


def test_a_column_of_one_size_arrives_as_one_array_byte_for_byte():
    reads = []
    sent = as_declared({"image": column([IMAGES[0], IMAGES[0] + 1], reads)}, Boxes)
    got, node, encoder, body = arrived(sent)
    assert got["image"].tolist() == [IMAGES[0].tolist(), (IMAGES[0] + 1).tolist()]
    on_the_host = decode(node, arrays_of(json.loads(json.dumps(encoder.arrays)), memoryview(body)))
    assert on_the_host["image"].shape == (2, 2, 3, 4)
    assert reads == [SHAPES[0]] * 2


def test_what_is_not_declared_arrives_as_a_list_only_if_sizes_differ():
    got, *_ = arrived(as_declared({"a": column(IMAGES), "b": column(IMAGES[:1])}, dict))
    assert type(got["a"]) is list
    assert got["b"].shape == (1, 2, 3, 4)


FIT = """
import json
from typing import TypedDict
import numpy as np
from jaxtyping import Float32, UInt8
from assignments.interface import Model

class Volumes(TypedDict):
    image: list[Float32[np.ndarray, "d h w"]]
    label: list[UInt8[np.ndarray, "d h w"]]
    spacing: Float32[np.ndarray, "n 3"]

def fit(train: Volumes, val: Volumes | None, *, seed: int, budget_s: float) -> Model: ...
"""


@pytest.fixture
def fit(tmp_path):
    def fit(old="", new=""):
        (tmp_path / "interface.py").write_text(FIT.replace(old, new))
        return read_interface(tmp_path / "interface.py").functions["fit"]

    return fit


def bind(fit, image=IMAGES, label=LABELS, spacing=SPACING, val=None):
    train = {"image": column(image), "label": column(label), "spacing": spacing}
    with bound(fit, training_arguments(fit, train, val), {"seed": 1, "budget_s": 1.0}):
        pass


def test_sizes_bind_anew_for_each_case_and_are_those_of_its_label(fit):
    bind(fit())
    with pytest.raises(TypeError, match="train is not as"):
        bind(fit(), label=LABELS[::-1])


def test_nothing_is_read_to_compare_cases_with_their_declaration(fit):
    reads = []
    train = {"image": column(IMAGES, reads), "label": column(LABELS, reads), "spacing": SPACING}
    with bound(fit(), training_arguments(fit(), train, train), {"seed": 1, "budget_s": 1.0}):
        assert reads == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("Float32", "UInt8", "train is not as"),
        ('"d h w"', '"h w"', "train is not as"),
        ('"d h w"', '"2 h w"', "train is not as"),
        ('list[Float32[np.ndarray, "d h w"]]', 'Float32[np.ndarray, "n d h w"]', "declare a list of arrays"),
        ('list[UInt8[np.ndarray, "d h w"]]', 'list[UInt8[np.ndarray, "d h k+1"]]', r"label: .*k\+1"),
    ],
)
def test_cases_that_are_not_as_declared_are_the_authors_mistake(fit, old, new, problem):
    with pytest.raises(TypeError, match=problem):
        bind(fit(old, new))


def test_lists_of_different_lengths_are_not_of_the_same_cases(fit):
    with pytest.raises(TypeError, match=r"lists of \[1, 2\] items"):
        bind(fit(), label=LABELS[:1])


def test_validation_cases_have_sizes_and_a_number_of_their_own(fit):
    val = {"image": column(IMAGES[:1]), "label": column(LABELS[:1]), "spacing": SPACING[:1]}
    bind(fit(), val=val)
    with pytest.raises(TypeError, match="val is not as"):
        bind(fit(), val={**val, "label": column(LABELS[1:])})


def test_cases_are_read_one_by_one_while_they_are_sent():
    reads, order = [], []
    encoder = Encoder(lambda _: None)
    node = encoder.encode(column(IMAGES, reads))
    assert reads == []

    def script(head, body):
        order.append(arrays_of(head["arrays"], memoryview(body)))
        return keeper_reply("ended")

    with ScriptedChannel(script) as channel:
        head, _ = transfer(channel, frame({"id": 1, "value": node, "arrays": encoder.arrays}, encoder.parts), 100, 1e12)
    assert head["outcome"] == "ended"
    assert [array.tolist() for array in order[0]] == [image.tolist() for image in IMAGES]
    assert reads == SHAPES


def test_a_case_that_is_larger_than_its_column_says_never_leaves_half_a_frame():
    lying = Column([MadeCase(lambda: np.ones(5), np.dtype(float), (4,))])
    with pytest.raises(DataFailure, match="40 bytes where its column declares 32"):
        arrived(lying)


def test_more_than_a_keeper_reads_at_once_is_refused_before_it_is_read():
    big = MadeCase(lambda: pytest.fail("it was read"), np.dtype(np.uint8), (BODY_CAP // 2,))
    encoder = Encoder(lambda _: None)
    encoder.encode(Column([big, big]))
    frame({}, encoder.parts)
    encoder.encode(np.zeros(2, np.uint8))
    with pytest.raises(TypeError, match="can cross the wall at once"):
        frame({}, encoder.parts)
