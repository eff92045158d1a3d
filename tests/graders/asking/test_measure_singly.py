"""Accuracy where the hidden cases differ in size: one a call, each answer stored as it comes."""

import tracemalloc

import numpy as np
import pytest

from assignments.assignment import Assignment
from assignments.data.columns import Column, MadeCase, StoredCase
from assignments.data.hidden import InputSet, presented_order
from assignments.errors import UserError
from assignments.interface import read_interface
from graders.asking import allowance, collecting
from graders.asking.measure import measure
from graders.record.answer_files import load_answers
from graders.wall.session import Session
from tests.ragged_interface import INTERFACE
from tests.scripted import ScriptedChannel, Student

SHAPES = [(2, 3, 4), (1, 5, 2), (3, 3, 3), (2, 2, 2)]
IMAGES = [np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape) for shape in SHAPES]
LABELS = [(image >= 0.5).astype(np.uint8) for image in IMAGES]
SECRET, COMMIT = b"of this test", "c0ffee"
ORDER = presented_order(SECRET, "volumes", COMMIT, len(SHAPES))


def column(arrays):
    return Column([MadeCase(lambda a=array: a, array.dtype, array.shape) for array in arrays])


def assignment(mode="retrain", **data):
    anchors = {"trivial": 0.5, "pass": 0.6, "merit": 0.7, "distinction": 0.8, "reference": 0.9, "ceiling": 1.0}
    return Assignment.model_validate(
        {
            "id": "volumes", "title": "Volumes", "task": "segmentation", "folder": "here", "run": {"mode": mode},
            "data": {"source": "s.py", "train": 2, "test": len(SHAPES), **data}, "limits": {"reply_mb": 1},
            "criterion": [{"id": "a", "kind": "accuracy", "points": 1, "metric": "dice", "anchors": anchors}],
        }
    )  # fmt: skip


def shown(images=IMAGES, train=None):
    """Hidden cases, and their spacing, which is small and lies in memory."""
    images = images if isinstance(images, Column) else column(images)
    train = train or {"image": column(IMAGES[:2]), "label": column(LABELS[:2])}
    spacing = np.arange(3 * len(images), dtype=np.float32).reshape(-1, 3) + 1
    inputs = {"image": images, "spacing": spacing}
    return InputSet(train, None, inputs, 7, len(images), truth_bytes=24, case_numbers=27)


class Forgotten(bytearray):
    """In place of all bytes that were ever sent."""

    def __iadd__(self, data):
        return self


@pytest.fixture
def measured(tmp_path):
    (tmp_path / "interface.py").write_text(INTERFACE)
    interface = read_interface(tmp_path / "interface.py")

    def run(predict, *, of=None, inputs=None, fits=None, **script):
        of, inputs = of or assignment(), inputs or shown()

        def fit(train, val, *, seed, budget_s):
            if fits is not None:
                fits.append((train, val, seed))
            return object()

        student = Student({"fit": fit, "load": lambda folder: object(), "predict": predict}, **script)
        with ScriptedChannel(student) as channel:
            channel.written = Forgotten()
            session = Session(channel, of.limits)
            session.begin()
            document = measure(session, of, interface, inputs, secret=SECRET, commit=COMMIT, store=tmp_path / "store")
        return document, load_answers(tmp_path / "store", document)

    run.store = tmp_path / "store"
    return run


def halved(model, inputs):
    return {"prob": inputs["image"].astype(np.float64) / 2}


def test_each_case_has_a_call_of_its_own_size_and_its_answer_lies_in_canonical_order(measured):
    calls = []

    def predict(model, inputs):
        calls.append((inputs["image"].shape, inputs["spacing"].tolist()))
        return halved(model, inputs)

    document, answers = measured(predict)
    assert calls == [((1, *SHAPES[i]), [[3 * i + 1, 3 * i + 2, 3 * i + 3]]) for i in ORDER]
    assert (document.verdict, document.states) == ("passed", (None,) * 4)
    for stored, image in zip(answers.arrays["prob"], IMAGES, strict=True):
        assert stored.dtype == np.float16  # of voxels
        assert np.array_equal(stored, (image / 2).astype(np.float16))


def test_fit_gets_lists_where_they_are_declared_whether_or_not_the_cases_lie_in_memory(measured):
    fits = []
    measured(halved, fits=fits)
    measured(
        halved, fits=fits, inputs=shown(train={"image": np.stack([IMAGES[0]] * 2), "label": column(LABELS[:1] * 2)})
    )
    (ragged, val, seed), (stacked, _, _) = fits
    assert [image.tolist() for image in ragged["image"]] == [image.tolist() for image in IMAGES[:2]]
    assert [label.tolist() for label in ragged["label"]] == [label.tolist() for label in LABELS[:2]]
    assert (val, seed) == (None, 7)
    assert [image.tolist() for image in stacked["image"]] == [IMAGES[0].tolist()] * 2


def test_in_weights_mode_nothing_is_trained_and_nothing_sent_to_train(measured):
    unread = {"image": Column([MadeCase(lambda: pytest.fail("read"), np.dtype(np.float32), (1, 1, 1))])}
    document, _ = measured(halved, of=assignment("weights"), inputs=shown(train=unread))
    assert document.verdict == "passed"


def test_a_case_that_fails_takes_none_of_the_others_along_and_leaves_nothing(measured):
    def predict(model, inputs):
        if inputs["image"].shape[1:] == SHAPES[2]:
            raise ValueError("this one")
        return halved(model, inputs)

    document, answers = measured(predict)
    assert [state and state.reason for state in document.states] == [None, None, "raised", None]
    assert answers.failed == {2: "raised"}
    assert np.array_equal(answers.arrays["prob"][3], (IMAGES[3] / 2).astype(np.float16))


def test_an_answer_of_another_size_than_its_case_is_the_wrong_shape(measured):
    document, _ = measured(lambda model, inputs: {"prob": np.zeros((1, *SHAPES[0]))})
    assert [state and state.reason for state in document.states] == [None, *["wrong_shape"] * 3]


def test_without_any_answer_there_is_no_file(measured):
    document, answers = measured(lambda model, inputs: None)
    assert [state.reason for state in document.states] == ["wrong_type"] * 4
    assert document.file is None
    assert answers.arrays == {}
    assert list(measured.store.iterdir()) == []


def test_equal_answers_are_one_file(measured):
    names = {measured(halved)[0].file for _ in range(2)}
    assert len(names) == 1
    assert [path.name for path in measured.store.iterdir()] == list(names)


def test_large_cases_of_one_size_may_share_a_call(measured):
    sizes = []

    def predict(model, inputs):
        sizes.append(inputs["image"].shape)
        return halved(model, inputs)

    cases = [IMAGES[0] * share for share in np.float32([0.25, 0.5, 1, 0])]
    _, answers = measured(predict, of=assignment(per_call=3), inputs=shown(cases))
    assert sizes == [(3, *SHAPES[0]), (1, *SHAPES[0])]
    assert all(
        np.array_equal(s, (c / 2).astype(np.float16)) for s, c in zip(answers.arrays["prob"], cases, strict=True)
    )


def test_a_call_that_failed_is_repeated_without_the_cases_that_were_stored(measured, monkeypatch):
    plain, added = collecting._OneByOne.add, []

    def add(collected, index, answer):
        added.append(index)
        if added.count(index) == 1 and len(added) == 2:
            raise MemoryError("no room for the second")
        plain(collected, index, answer)

    monkeypatch.setattr(collecting._OneByOne, "add", add)
    cases = [IMAGES[0] * share for share in np.float32([0.25, 0.5, 1, 0])]
    document, answers = measured(halved, of=assignment(per_call=4), inputs=shown(cases))
    first, second, *rest = map(int, ORDER)
    assert added == [first, second, second, *rest]
    assert document.states == (None,) * 4
    assert np.array_equal(answers.arrays["prob"][second], (cases[second] / 2).astype(np.float16))


def test_a_prepared_case_that_is_gone_is_the_toolkits_trouble(measured, tmp_path):
    gone = Column([StoredCase(tmp_path / "gone.npy", "<f4", SHAPES[0])] * 4)
    with pytest.raises(UserError, match=r"gone\.npy"):
        measured(halved, inputs=shown(gone))


def test_neither_inputs_nor_answers_lie_in_memory_together(measured, tmp_path):
    shape = (64, 128, 128)  # 4 MB as float32
    np.save(tmp_path / "one.npy", np.zeros(shape, np.float32))
    cases = Column([StoredCase(tmp_path / "one.npy", "<f4", shape)] * 12)
    of = assignment("weights")
    of = of.model_copy(update={"limits": of.limits.model_copy(update={"reply_mb": 8})})
    inputs = InputSet({}, None, {"image": cases, "spacing": np.ones((12, 3), np.float32)}, 7, 12, 1 << 20, 1 << 20)
    tracemalloc.start()
    try:
        document, _ = measured(lambda model, i: {"prob": np.zeros((1, *shape), np.float32)}, of=of, inputs=inputs)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert document.states == (None,) * 12
    # 48 MB of inputs and 24 MB of answers; the script in this process holds several copies of one call.
    assert peak < 40 * (1 << 20)


def test_what_a_marker_may_use_follows_from_the_largest_case_and_not_from_their_number():
    limits = assignment().limits
    few, many = (allowance.host_bytes(limits, [shown(IMAGES * times)]) for times in (1, 10))
    assert many - few == 8 * 36 * 3 * 4  # 36 more spacings of three float32, which lie in memory

    def training(cases):
        return allowance.host_bytes(limits, [shown(train={"image": cases})])

    # Two cases of 24 and 10 float32 that are read one at a time, and twice 24 that are not.
    assert training(np.stack([IMAGES[0]] * 2)) - training(column(IMAGES[:2])) == 8 * (48 - 24) * 4


def test_storing_may_take_longer_the_more_answers_there_are():
    limits = assignment().limits
    assert allowance.storing_cpu_s(limits, shown(IMAGES * 10)) > allowance.storing_cpu_s(limits, shown())
