"""Every reply is checked before a test sees it: kind, shape, range and finiteness, with the reason a student reads."""

import inspect
import math
import time
from typing import Annotated, Any, TypedDict

import numpy as np
import pytest
from jaxtyping import Bool, Float, Float32, Int, UInt8

from assignments.interface import Function, MayBeEmpty, Model, NotFinite, Range
from graders import failures
from graders.failures import OutOfRange, WrongShape, WrongType
from graders.wall.inside import values
from graders.wall.replies import bound, parts_to_keep, typed
from graders.wall.wire import HandleReference, arrays_of, decode

A = np.ndarray
HANDLE = HandleReference(1, "torch.nn.Linear")


class Scaler:
    pass


class Prediction(TypedDict):
    prob: Annotated[Float[A, "n"], Range(0, 1)]


def ask(value, hint):
    return typed(value, hint, lambda reference, declared: ("handle", reference.number, declared))


def f4(*numbers):
    return np.array(numbers, np.float32)


ACCEPTED = [
    (None, None, None),
    (True, bool, True),
    (np.array(True), bool, True),
    (3, int, 3),
    (np.array(3, np.uint8), int, 3),
    (2.5, float, 2.5),
    (3, float, 3.0),
    (np.array(0.5, np.float16), float, 0.5),
    (np.array(7, np.int32), float, 7.0),
    ("a", str, "a"),
    ([1, 2], list[int], [1, 2]),
    ([], list[int], []),
    ((1, 2.0), tuple[int, float], (1, 2.0)),
    ((1, 2, 3), tuple[int, ...], (1, 2, 3)),
    ({"a": 1}, dict[str, int], {"a": 1}),
    (None, float | None, None),
    (1.5, float | None, 1.5),
    (math.nan, Annotated[float, NotFinite()], math.nan),
    (0.0, Annotated[float, Range(0, 1)], 0.0),
    (1, Annotated[float, Range(0, 1)], 1.0),
    (HANDLE, Model, ("handle", 1, Model)),
    (HANDLE, Scaler, ("handle", 1, Scaler)),
    (HANDLE, Any, ("handle", 1, Any)),
    ([HANDLE, (HANDLE,)], Any, [("handle", 1, Any), (("handle", 1, Any),)]),
    ({"a": HANDLE}, Any, {"a": ("handle", 1, Any)}),
    ([HANDLE], list[Model], [("handle", 1, Model)]),
]


@pytest.mark.parametrize(("value", "hint", "expected"), ACCEPTED, ids=repr)
def test_a_reply_of_the_declared_kind_is_what_the_test_gets(value, hint, expected):
    got = ask(value, hint)
    assert type(got) is type(expected)
    assert got == expected or (got != got and expected != expected)


WRONG_TYPE = [
    (1, bool), (0, None), (True, int), (1.0, int), (np.array(1.0), int), (np.array(1), bool), (True, float),
    ("1", float),
    (None, float), ([1.0], float), (np.array(True), float), (1, str), ((1,), list[int]), ([1], tuple[int]),
    ([1, 2.0], list[int]), ({"a": 1.0}, dict[str, int]), ([], dict[str, int]), (f4(1), Int[A, "n"]),
    (1.0, Float[A, "n"]),
    ([1.0], Float[A, "n"]), (np.array([1.0]), Float32[A, "n"]), (np.array([1]), Bool[A, "n"]), (np.array([1]),
    UInt8[A, "n"]),
    (HANDLE, float), (HANDLE, Float[A, "n"]), (1.0, Model), (f4(1), Model), (None, Model), (1, Scaler),
    ("x", float | None),
    ({"p": 1}, Prediction), ({}, Prediction), ([], Prediction), ({"prob": [0.5]}, Prediction),
]  # fmt: skip


@pytest.mark.parametrize(("value", "hint"), WRONG_TYPE, ids=repr)
def test_another_kind_is_the_wrong_type(value, hint):
    with pytest.raises(WrongType):
        ask(value, hint)


WRONG_SHAPE = [
    (f4(1), float),
    (f4(1, 2), Float[A, "n m"]),
    (np.array(1.0), Float[A, "n"]),
    (np.zeros((2, 3)), Float[A, "n n"]),
    (np.zeros(2), Float[A, "3"]),
    ((1, 2, 3), tuple[int, int]),
    (np.zeros((2, 3)), Float[A, "n"] | None),
    (np.zeros((2, 3)), Float[A, "n"] | Float[A, "n n"]),
]


@pytest.mark.parametrize(("value", "hint"), WRONG_SHAPE, ids=repr)
def test_another_shape_is_the_wrong_shape(value, hint):
    with pytest.raises(WrongShape):
        ask(value, hint)


def test_the_second_of_two_declared_shapes_is_accepted():
    assert ask(np.ones((2, 2)), Float[A, "n"] | Float[A, "n n"]).shape == (2, 2)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (math.nan, float),
        (math.inf, float),
        (np.array(math.nan), float),
        (f4(1, math.nan), Float[A, "n"]),
        ([1.0, -math.inf], list[float]),
        ({"prob": f4(math.nan)}, Prediction),
        (math.nan, float | None),
        (f4(math.inf), Any),
        ([{"a": math.nan}], Any),
        (math.nan, Annotated[float, Range(0, 1)]),
    ],
    ids=repr,
)
def test_what_is_not_finite_is_refused_unless_declared(value, hint):
    with pytest.raises(failures.NonFiniteAnswer):
        ask(value, hint)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (-1e-9, Annotated[float, Range(0, 1)]),
        (f4(0, 1.0001), Annotated[Float[A, "n"], Range(0, 1)]),
        (np.array([3]), Annotated[Int[A, "n"], Range(0, 2)]),
        (5, Annotated[int, Range(0, 2)]),
        (math.nan, Annotated[float, Range(0, 1), NotFinite()]),
        ({"prob": f4(2)}, Prediction),
    ],
    ids=repr,
)
def test_what_lies_outside_its_range_is_refused(value, hint):
    with pytest.raises(OutOfRange):
        ask(value, hint)


def test_ten_times_a_tenth_is_one():
    total = np.zeros(3, np.float32)
    for _ in range(10):
        total += np.float32(0.1)
    assert total.max() > 1  # 1.0000001
    answer = ask({"prob": total}, Prediction)
    assert answer["prob"].tolist() == [1, 1, 1]
    assert ask(float(total[0]), Annotated[float, Range(0, 1)]) == 1.0
    assert ask(np.array(total[0]), Annotated[float, Range(0, 1)]) == 1.0


@pytest.mark.parametrize("hint", [float, int, Float[A, "n"], Float[A, "..."], Float[A, "k"] | None, Any], ids=repr)
@pytest.mark.parametrize("nothing", [np.zeros(0), np.zeros((0, 3)), np.zeros(0, np.int64)], ids=repr)
def test_an_array_with_nothing_in_it_never_satisfies_anything(nothing, hint):
    with pytest.raises((WrongShape, WrongType)):
        ask(nothing, hint)


def test_unless_it_is_declared_that_it_may_be_empty():
    assert ask(np.zeros((0, 4)), Annotated[Float[A, "k 4"], MayBeEmpty()]).shape == (0, 4)


# Named sizes


def scale(x: Float[A, "n d"], *, y: Float[A, "m d"] | None = None, model: Model = None) -> Float[A, "n d"]:
    """As an interface declares it."""


SCALE = Function("scale", inspect.signature(scale), "")


def answered(value, *args, **kwargs):
    with bound(SCALE, args, kwargs):
        return ask(value, SCALE.signature.return_annotation)


def test_named_sizes_are_bound_by_the_arguments_of_the_call():
    assert answered(np.ones((2, 3)), np.ones((2, 3))).shape == (2, 3)
    for shape in ((3, 2), (2, 2), (1, 3), (2, 3, 1), (6,)):
        with pytest.raises(WrongShape):
            answered(np.ones(shape), np.ones((2, 3)))


def test_one_call_binds_nothing_for_the_next():
    assert answered(np.ones((2, 3)), np.ones((2, 3))).shape == (2, 3)
    assert answered(np.ones((5, 4)), np.ones((5, 4))).shape == (5, 4)


def test_a_refused_answer_leaves_no_size_behind():
    with pytest.raises(WrongShape):
        answered(np.ones((7, 7)), np.ones((2, 3)))
    assert answered(np.ones((2, 3)), np.ones((2, 3))).shape == (2, 3)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((np.ones(3),), {}),
        ((np.ones((2, 3), int),), {}),
        ((np.ones((2, 3)),), {"y": np.ones((2, 4))}),
        ((), {}),
        ((np.ones((2, 3)),), {"z": 1}),
    ],
)
def test_arguments_that_are_not_as_declared_are_the_authors_mistake(args, kwargs):
    with pytest.raises(TypeError):
        answered(np.ones((2, 3)), *args, **kwargs)


class Rows(TypedDict):
    x: Float[A, "n 3"]


def predict(model: Model, inputs: Rows) -> Prediction:
    """As an interface declares it."""


def test_sizes_inside_a_typed_dict_bind_too():
    function = Function("predict", inspect.signature(predict), "")
    with bound(function, (None, {"x": np.ones((2, 3))}), {}):
        assert ask({"prob": f4(0, 1)}, Prediction)["prob"].shape == (2,)
        with pytest.raises(WrongShape):
            ask({"prob": f4(0, 1, 1)}, Prediction)


class Labelled(TypedDict):
    x: Float[A, "n 3"]
    y: UInt8[A, "n"]


def fit(train: Labelled, val: Labelled | None = None, *, weight: Float[A, "n"] = None) -> Float[A, "n"]:
    """As an interface declares it."""


def cases(n):
    return {"x": np.ones((n, 3)), "y": np.ones(n, np.uint8)}


def test_training_and_validation_cases_have_each_a_number_of_their_own_and_the_answer_the_first():
    function = Function("fit", inspect.signature(fit), "")
    for args in ((cases(5), cases(2)), (cases(5), None), (cases(5),)):
        with bound(function, args, {"weight": np.ones(5)}):
            assert ask(np.ones(5), Float[A, "n"]).shape == (5,)
            with pytest.raises(WrongShape):
                ask(np.ones(2), Float[A, "n"])


@pytest.mark.parametrize(
    ("args", "weight"),
    [
        ((cases(5), {**cases(2), "y": np.ones(5, np.uint8)}), 5),  # within one argument they still agree
        (({**cases(5), "y": np.ones(2, np.uint8)}, None), 5),
        ((cases(5), cases(2)), 2),  # and so does an argument beside them
    ],
)
def test_sizes_that_do_not_agree_within_an_argument_are_the_authors_mistake(args, weight):
    function = Function("fit", inspect.signature(fit), "")
    with pytest.raises(TypeError), bound(function, args, {"weight": np.ones(weight)}):
        pass


class Extra(TypedDict):
    x: Float[A, "n 3"]
    y: UInt8[A, "n"]
    weight: Float[A, "n"]


class Answers(TypedDict):
    prob: Float[A, "n"]


def fit_weighted(train: Extra, val: Labelled | None) -> None:
    """Training cases have an array more than validation cases."""


def loss(cases: Labelled, answers: Answers) -> None:
    """Records without an array in common are of the same cases."""


def test_training_and_validation_cases_may_be_different_records():
    function = Function("fit", inspect.signature(fit_weighted), "")
    with bound(function, ({**cases(5), "weight": np.ones(5)}, cases(2)), {}):
        assert ask(np.ones(5), Float[A, "n"]).shape == (5,)


def test_records_that_have_no_array_in_common_have_their_sizes_in_common():
    function = Function("loss", inspect.signature(loss), "")
    with bound(function, (cases(5), {"prob": np.ones(5)}), {}):
        pass
    with pytest.raises(TypeError, match="answers is not as"), bound(function, (cases(5), {"prob": np.ones(2)}), {}):
        pass


# Models


class Trained(TypedDict):
    model: Model
    loss: float


TO_KEEP = [
    (None, None), (float, None), (Any, None), (Float[A, "n"], None), (Prediction, None), (list[float], None),
    (list, None), (tuple[int, ...], None), (tuple[()], None), (dict[str, int], None), (float | None, None),
    (Annotated[float, Range(0, 1)], None),
    (Model, True), (Scaler, True), (Model | None, True), (list[Model], {"each": True}),
    (tuple[Model, ...], {"each": True}), (dict[str, Scaler], {"each": True}),
    (tuple[Model, float], {"items": [True, None]}), (tuple[float, Model] | None, {"items": [None, True]}),
    (Trained, {"keys": {"model": True}}), (list[tuple[Trained, int]], {"each": {"items": [{"keys": {"model": True}},
    None]}}),
]  # fmt: skip


@pytest.mark.parametrize(("hint", "keep"), TO_KEEP, ids=repr)
def test_what_stays_inside_follows_from_the_declaration(hint, keep):
    assert parts_to_keep(hint) == keep


def answered_inside(value, hint):
    """The answer to a request for `hint` as the host types it, and the objects that stayed inside."""
    objects = []
    encoder = values.Encoder(lambda value: objects.append(value) or len(objects))
    node = encoder.encode(value, parts_to_keep(hint))
    return ask(decode(node, arrays_of(encoder.arrays, memoryview(b"".join(map(bytes, encoder.parts))))), hint), objects


@pytest.mark.parametrize("model", [{"w": f4(1)}, (f4(1), 2.0), [1], f4(1, 2), np.float32(1), 3, 2.5, "m", True, {}, ()])
@pytest.mark.parametrize(("hint", "around", "expected"), [
    (Model, lambda m: m, ("handle", 1, Model)),
    (Model | None, lambda m: m, ("handle", 1, Model)),
    (Scaler, lambda m: m, ("handle", 1, Scaler)),
    (tuple[Model, float], lambda m: (m, 0.5), (("handle", 1, Model), 0.5)),
    (list[Model], lambda m: [m], [("handle", 1, Model)]),
    (dict[str, Model], lambda m: {"a": m}, {"a": ("handle", 1, Model)}),
    (Trained, lambda m: {"model": m, "loss": 1.0}, {"model": ("handle", 1, Model), "loss": 1.0}),
], ids=["alone", "or None", "of a class", "in a tuple", "in a list", "in a dict", "in a typed dict"])  # fmt: skip
def test_whatever_a_model_is_its_handle_is_what_the_test_gets(model, hint, around, expected):
    got, objects = answered_inside(around(model), hint)
    assert got == expected
    assert objects[0] is model


@pytest.mark.parametrize(("hint", "value"), [
    (Model, None), (tuple[Model, float], (None, 0.5)), (list[Model], [None]), (Trained, {"model": None, "loss": 1.0}),
    (tuple[Model, float], ({}, {})), (tuple[Model, float], [{}, 1.0]), (list[Model], {"w": 1}), (Trained, {"model": 1}),
    (list[Model], 3),
], ids=repr)  # fmt: skip
def test_nothing_is_no_model_and_what_stands_beside_one_is_checked(hint, value):
    with pytest.raises(WrongType):
        answered_inside(value, hint)


def test_an_array_that_crossed_where_a_model_was_due_is_the_wrong_type():
    with pytest.raises(WrongType):
        ask(f4(1), Model)


# What a check costs is not the answer's to choose


@pytest.mark.parametrize("hint", [Any, dict[str, list[int]], dict[str, Any]], ids=repr)
def test_a_long_key_is_not_copied_for_every_item_below_it(hint):
    answer = {"k" * 500_000: [0] * 250_000}
    began = time.thread_time()
    assert ask(answer, hint) == answer
    assert time.thread_time() - began < 3, "125 GB of text otherwise"


def test_evidence_is_short_however_many_and_long_the_keys_are():
    for answer in ({str(i): 0 for i in range(10_000)}, {"k" * 500_000: 0}):
        with pytest.raises(WrongType) as caught:
            ask(answer, Prediction)
        assert len(str(caught.value)) < 3000
        with pytest.raises(failures.NonFiniteAnswer) as caught:
            ask(dict.fromkeys(answer, math.nan), Any)
        assert len(str(caught.value)) < 300
