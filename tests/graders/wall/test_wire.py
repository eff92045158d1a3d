"""What may cross the wall, the host's side: exact when it encodes, suspicious when it decodes."""

import gc
import json
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graders.failures import ProtocolViolation, ReplyTooLarge, SubmissionFailure
from graders.wall.inside import values
from graders.wall.wire import ARRAYS, Encoder, HandleReference, arrays_of, decode, frame, read_head, split


def crossed(value):
    """A value after host -> bytes -> host."""
    encoder = Encoder(lambda _: None)
    node = encoder.encode(value)
    whole = b"".join(frame({"value": node, "arrays": encoder.arrays}, encoder.parts))
    head, body = split(memoryview(whole))
    return decode(head["value"], arrays_of(head["arrays"], body))


def decoded(text, body=b"", table="[]"):
    """A worker's value as it stands in JSON."""
    head = read_head(f'{{"value": {text}, "arrays": {table}}}'.encode())
    return decode(head["value"], arrays_of(head["arrays"], memoryview(body)))


def same(a, b):
    """Equal in value and in exact type; NaN is itself, -0.0 is not 0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return a == b


PLAIN = [
    None, True, False, 0, 1, -1, 2**63 - 1, -(2**63), 0.0, -0.0, 1.0, 5e-324, 1.7976931348623157e308,
    math.nan, math.inf, -math.inf, "", "é\n\x00\U0001f9e0", [], (), {}, [1, [2.0, (True, None)]],
    {"t": {"d": {"f": "nan"}}},
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_keep_their_exact_type(value):
    assert same(crossed(value), value)


@pytest.mark.parametrize("kind", ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 5), (2, 3), (1,) * 8])
def test_arrays_keep_kind_shape_and_bytes(kind, shape):
    array = np.arange(math.prod(shape)).reshape(shape).astype(kind)
    assert same(crossed(array), array)


def test_big_endian_arrays_arrive_little_endian_with_the_same_values():
    got = crossed(np.array([1, 256, -3], ">i4"))
    assert got.dtype == np.dtype("<i4")
    assert got.tolist() == [1, 256, -3]


def test_views_arrive_in_c_order():
    array = np.arange(24.0).reshape(2, 3, 4)
    assert same(crossed(array.T[::-1, 1:]), np.ascontiguousarray(array.T[::-1, 1:]))


def test_numpy_scalars_arrive_as_arrays_without_a_dimension():
    assert same(crossed(np.float16(0.5)), np.array(0.5, np.float16))
    assert same(crossed(np.bool_(True)), np.array(True))


def test_nan_payloads_and_signed_zeros_of_arrays_are_kept():
    array = np.array([math.nan, -0.0, math.inf])
    assert crossed(array).tobytes() == array.tobytes()


class Text(str):
    pass


@pytest.mark.parametrize(
    "value",
    [
        2**63, -(2**63) - 1, {1, 2}, b"bytes", {1: 2}, object(), Text("x"), 1j, np.complex64(1), np.array(["a"]),
        np.array([None]), np.zeros(2, "M8[s]"), np.longdouble(1), np.zeros(2, "i4,f4"), np.ma.masked_array([1]),
        np.zeros((1,) * 9),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)  # fmt: skip
def test_what_cannot_cross_is_the_authors_mistake(value):
    with pytest.raises(TypeError):
        crossed(value)


def test_arguments_nested_without_end_are_the_authors_mistake():
    endless = []
    endless.append(endless)
    with pytest.raises(TypeError, match="60 deep"):
        crossed(endless)


def test_a_request_over_the_cap_of_its_head_is_the_authors_mistake():
    with pytest.raises(TypeError, match="as arrays"):
        crossed([0.1] * 400_000)


def test_decoded_arrays_are_aligned_and_cannot_be_written():
    got = crossed([np.zeros(1, np.int8), np.arange(3.0)])
    assert got[1].flags.aligned
    assert not got[1].flags.writeable


@pytest.mark.parametrize(
    "text",
    [
        "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 19, "9223372036854775808", "1" * 5000,
        "0." + "0" * 500 + "1", '"\\ud800"', '{"d": {"\\udfff": 1}}', '{"h": 1, "is": "\\ud800"}',
        '{"d": {"a": 1, "a": 2}}', '{"d": {}, "t": []}', '{"x": 1}', "{}", '{"t": {}}', '{"d": []}', '{"f": "Nan"}',
        '{"f": 1}', '{"a": 0}', '{"a": true}', '{"a": -1}', '{"a": "0"}', '{"h": 0, "is": ""}', '{"h": true, "is": ""}',
        '{"h": 1}', '{"h": 1, "is": 2}', '{"h": 1.0, "is": ""}', "tru", "'x'", "[1,]", "01", "\x00", "[" * 100_000,
    ],
    ids=lambda text: text[:24],
)  # fmt: skip
def test_a_value_that_the_page_does_not_know_is_a_violation(text):
    with pytest.raises(ProtocolViolation):
        decoded(text)


@pytest.mark.parametrize("depth", [66, 300])
def test_nesting_is_limited(depth):
    with pytest.raises(SubmissionFailure):
        decoded("[" * depth + "]" * depth)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b"1", b"\xff{}", b"\xef\xbb\xbf{}", b'{"a": 1} x', b'{"a":1,"a":1}']
)
def test_a_head_that_is_no_single_json_object_is_a_violation(raw):
    with pytest.raises(ProtocolViolation):
        read_head(raw)


@pytest.mark.parametrize(
    "table",
    [
        "{}", "null", "[1]", "[[]]", '[["<f4"]]', '[["<f4", [1], 0]]', '[["<f4", 1]]', '[["<f4", [-1]]]',
        '[["<f4", [true]]]',
        '[["<f4", [1.0]]]', '[["<f4", ["1"]]]', '[["|O", [1]]]', '[["<c8", [1]]]', '[[">f4", [1]]]', '[["f4", [1]]]',
        '[["<M8", [1]]]', '[["|S4", [1]]]', '[["<U1", [1]]]', '[["|V4", [1]]]', '[["<f16", [1]]]', '[["<f4,<i4", [1]]]',
        '[["<f4", [2]]]', '[["<f4", [0]]]', '[["<f4", []], ["<f4", []]]', '[["<f4", [0, 1099511627777]]]',
        '[["<f4", [4294967296, 4294967296, 4294967296]]]', '[["<f4", [9223372036854775807]]]',
        '[["<f4", [1,1,1,1,1,1,1,1,1]]]',
    ],
)  # fmt: skip
def test_a_table_of_arrays_that_does_not_fit_four_bytes_is_a_violation(table):
    with pytest.raises(ProtocolViolation):
        decoded("null", bytes(4), table)


def test_an_array_that_claims_ten_terabytes_is_refused_before_anything_is_allocated():
    tracemalloc.start()
    with pytest.raises(ProtocolViolation):
        decoded('{"a": 0}', bytes(8), '[["<f8", [1250000000000]]]')
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_empty_arrays_without_end_are_too_many():
    table = json.dumps([["<f4", [0]]] * (ARRAYS + 1))
    with pytest.raises(ReplyTooLarge):
        decoded("null", b"", table)


@pytest.mark.parametrize("byte", [2, 255])
def test_a_truth_value_is_zero_or_one(byte):
    with pytest.raises(ProtocolViolation, match="neither 0 nor 1"):
        decoded('{"a": 0}', bytes([1, byte]), '[["|b1", [2]]]')


def test_an_array_that_stands_twice_is_refused_since_each_place_would_cost_a_check_of_it():
    with pytest.raises(ProtocolViolation, match="twice"):
        decoded('[{"a": 0}, {"a": 0}]', bytes(8), '[["<f8", []]]')


def test_a_handle_is_a_number_and_words_cut_short():
    assert decoded('{"h": 7, "is": "' + "x" * 500 + '"}') == HandleReference(7, "x" * 120)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 7,
        b"\0" * 8 + b"x",
        b"\2\0\0\0\0\0\0\0{",
        b"\2\0\0\0\1\0\0\0{}",
        b"\xff" * 8,
        b"\0\0\x20\0\0\0\0\0{}",
    ],
)
def test_lengths_that_do_not_add_up_are_a_violation(raw):
    with pytest.raises(ProtocolViolation):
        split(memoryview(raw))


# What one side encodes the other decodes: they share no code.

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
DTYPES = st.sampled_from(["?", "i1", "<i2", ">i4", "<i8", "u1", ">u2", "<u4", "<u8", "<f2", ">f4", "<f8"])
ARRAY = DTYPES.flatmap(lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)))
LEAF = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), TEXT, ARRAY)
VALUE = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(TEXT, inner, max_size=4),
    ),
    max_leaves=12,
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def little(value):
    """What a value is expected to arrive as: arrays little-endian, NumPy scalars as arrays."""
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value).astype(np.asarray(value).dtype.newbyteorder("<"))
    if isinstance(value, list | tuple):
        return type(value)(little(item) for item in value)
    return {key: little(item) for key, item in value.items()} if isinstance(value, dict) else value


@QUICK
@given(VALUE)
def test_the_sandbox_decodes_what_the_host_encodes(value):
    encoder = Encoder(lambda _: None)
    node = encoder.encode(value)
    head = json.loads(json.dumps({"value": node, "arrays": encoder.arrays}, allow_nan=False))
    body = bytearray(b"".join(bytes(part) for part in encoder.parts))
    got = values.decode(head["value"], values.arrays_of(head["arrays"], body), lambda number: None)
    assert same(got, little(value))


@QUICK
@given(VALUE)
def test_the_host_decodes_what_the_sandbox_encodes(value):
    encoder = values.Encoder(lambda _: 1)
    node = encoder.encode(value)
    head = read_head(json.dumps({"value": node, "arrays": encoder.arrays}, allow_nan=False).encode())
    body = b"".join(bytes(part) for part in encoder.parts)
    assert same(decode(head["value"], arrays_of(head["arrays"], memoryview(body))), little(value))


# Whatever comes, only a SubmissionFailure comes out: more of it in test_fuzz.py.


def built(value, table, body):
    """A frame of a value, a table of arrays and a body that need not fit each other."""
    text = json.dumps({"value": value, "arrays": table}).encode()
    return len(text).to_bytes(4, "little") + len(body).to_bytes(4, "little") + text + body


SOUND = built([{"a": 0}, {"t": [1, {"f": "nan"}, {"h": 1, "is": "x"}]}, {"d": {"k": -0.5}}], [["<f4", [2]]], bytes(8))


def swallow(raw):
    try:
        head, body = split(memoryview(raw))
        decode(head.get("value"), arrays_of(head.get("arrays"), body))
    except SubmissionFailure:
        pass


def test_hostile_frames_leave_no_memory_behind():
    frames = [SOUND[:i] for i in range(len(SOUND))]
    frames += [SOUND[:i] + bytes([b]) + SOUND[i + 1 :] for i in range(len(SOUND)) for b in (0, 34, 91, 123, 255)]
    frames += [built(0, [["<f8", [2**40]]], b""), built([[]] * 300_000, [], b"")]
    frames += [built({"a": 0}, [["|u1", [10**7]]], bytes(10**7))]
    for raw in frames:
        swallow(raw)
    tracemalloc.start()
    for _ in range(5):
        for raw in frames:
            swallow(raw)
    gc.collect()
    left, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert left < 1 << 20
    assert peak < 40 << 20, "a head of a megabyte and a body of ten"
