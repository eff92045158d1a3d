"""Hidden sets: the same for the same secret, different for another, and no truth in what a solution receives."""

import pickle
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from assignments.assignment import Assignment, Data, Person, Run
from assignments.data.cases import drawn_names
from assignments.data.hidden import (
    HiddenSet,
    arrays_digest,
    hidden_set,
    presented_order,
    presented_purpose,
    purposes_of,
    records,
)
from assignments.data.sources import SOURCES, source_of
from assignments.data.streams import PUBLISHED, Keys
from assignments.errors import UserError

SECRET, OTHER = b"s" * 32, b"o" * 32

FRAMES = '''
"""Three frames a subject, so that a split by case would leak."""
import numpy as np

from assignments.data.source import Axes

ARRAYS = {
    "image": Axes("float32", "2 2"),
    "label": Axes("uint8", "", role="truth"),
    "spacing": Axes("float64", "3"),
}

def draw(n, rng):
    return {
        "image": rng.normal(size=(n, 2, 2)).astype(np.float32),
        "label": np.arange(n, dtype=np.uint8) % 2,
        "subject": np.arange(n) // 3,
        "spacing": np.tile([3.0, 0.5, 0.25], (n, 1)),
        "group": np.array(["left", "right"] * n)[:n],
    }
'''


def assignment(folder=Path(), id="example", source="breast_cancer", **data):
    return Assignment(
        id=id,
        title="An example",
        task="classification",
        data=Data(source=source, **{"train": 60, "test": 40, **data}),
        run=Run(mode="retrain", seeds=3),
        criterion=(Person(kind="person", id="report", points=1),),
        folder=folder,
    )


@pytest.fixture
def frames(tmp_path):
    (tmp_path / "scans.py").write_text(FRAMES)
    return lambda **data: assignment(tmp_path, source="scans.py", **data)


def rows(hidden):
    return {row.tobytes() for row in hidden.train["x"]}


def test_the_same_secret_gives_the_same_set():
    first, second = (hidden_set(assignment(), SECRET, 0, ("x",), "y") for _ in range(2))
    assert np.array_equal(first.inputs["x"], second.inputs["x"])
    assert np.array_equal(first.truth, second.truth)
    assert (first.cases, first.fit_seed) == (second.cases, second.fit_seed)
    assert first.inputs_digest == second.inputs_digest


def test_another_secret_gives_other_hidden_cases_and_seeds_but_the_published_training_cases():
    first, second = (hidden_set(assignment(), secret, 0, ("x",), "y") for secret in (SECRET, OTHER))
    assert rows(first) == rows(second)
    assert first.inputs_digest != second.inputs_digest
    assert first.fit_seed != second.fit_seed
    assert {case.id for case in first.cases} != {case.id for case in second.cases}


def test_repeats_share_their_cases_and_differ_in_the_seed():
    first, second = (hidden_set(assignment(), SECRET, repeat, ("x",), "y") for repeat in (0, 1))
    assert (first.inputs_digest, first.truth_digest) == (second.inputs_digest, second.truth_digest)
    assert first.cases == second.cases
    assert rows(first) == rows(second)
    assert first.fit_seed != second.fit_seed
    assert first.train_digest != second.train_digest  # `fit` receives another seed


def test_redraw_gives_every_repeat_its_own_training_and_hidden_cases_from_the_secret():
    first, second = (hidden_set(assignment(redraw=True), SECRET, repeat, ("x",), "y") for repeat in (0, 1))
    published = hidden_set(assignment(redraw=True), PUBLISHED, 0, ("x",), "y")
    assert rows(first) != rows(second)
    assert rows(first) != rows(published)
    assert first.inputs_digest != second.inputs_digest
    assert not {case.id for case in first.cases} & {case.id for case in second.cases}


def test_another_assignment_has_other_cases():
    first, second = (hidden_set(assignment(id=id), SECRET, 0, ("x",), "y") for id in ("one", "two"))
    assert first.inputs_digest != second.inputs_digest


def test_predict_receives_the_named_arrays_and_fit_all_of_them():
    hidden = hidden_set(assignment(), SECRET, 0, ("x",), "y")
    assert set(hidden.inputs) == {"x"}
    assert set(hidden.train) == {"x", "y"}
    assert hidden.val is None
    assert len(hidden.inputs["x"]) == len(hidden.truth) == len(hidden.cases) == 40


def test_what_a_metric_reads_of_a_case_follows_it_through_the_shuffle(frames):
    hidden = hidden_set(frames(train=12, test=30), SECRET, 0, ("image",), "label")
    assert {case.spacing_mm for case in hidden.cases} == {(3.0, 0.5, 0.25)}
    # The source gives even cases the label 0 and the group "left".
    assert [case.group for case in hidden.cases] == ["right" if y else "left" for y in hidden.truth]
    subjects = [case.subject for case in hidden.cases]
    assert sorted(subjects.count(subject) for subject in set(subjects)) == [3] * 10
    assert hidden.truth.tolist() != [i % 2 for i in range(30)]  # the source's order is gone


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_a_spacing_is_the_decimal_that_its_source_wrote_whatever_float_holds_it(tmp_path, kind):
    spacing = np.array([[2.2, 0.6, 1.1]], kind).repeat(6, axis=0)
    np.save(tmp_path / "spacing.npy", spacing)
    stored = f"np.load({str(tmp_path / 'spacing.npy')!r})[:n]"
    (tmp_path / "scans.py").write_text(
        FRAMES.replace("np.tile([3.0, 0.5, 0.25], (n, 1))", stored).replace(
            'Axes("float64", "3")', f'Axes("{kind}", "3")'
        )
    )
    hidden = hidden_set(assignment(tmp_path, source="scans.py", train=6, test=6), SECRET, 0, ("image",), "label")
    assert {case.spacing_mm for case in hidden.cases} == {(2.2, 0.6, 1.1)}


def test_a_spacing_in_float64_or_integers_stays_what_it_is(tmp_path):
    for kind, number, mm in (("float64", "np.float64(np.float32(0.6))", 0.6000000238418579), ("int64", "2", 2.0)):
        text = FRAMES.replace("[3.0, 0.5, 0.25]", f"[{number}] * 3").replace(
            'Axes("float64", "3")', f'Axes("{kind}", "3")'
        )
        (tmp_path / "scans.py").write_text(text)
        of = assignment(tmp_path, source="scans.py", train=6, test=6)
        hidden = hidden_set(of, SECRET, 0, ("image",), "label")
        assert {case.spacing_mm for case in hidden.cases} == {(mm,) * 3}


def test_groups_stay_on_the_host_and_subjects_go_to_fit(frames):
    hidden = hidden_set(frames(train=12, test=6), SECRET, 0, ("image",), "label")
    assert set(hidden.train) == {"image", "label", "subject", "spacing"}


def test_validation_cases_share_no_subject_with_training_cases(frames):
    hidden = hidden_set(frames(train=30, test=6, val=7), SECRET, 0, ("image",), "label")
    assert len(hidden.val["label"]) == 9  # whole subjects of three
    assert len(hidden.train["label"]) == 21
    assert not set(hidden.val["subject"]) & set(hidden.train["subject"])


def test_a_validation_set_that_leaves_nothing_to_train_on_is_refused(frames):
    with pytest.raises(UserError, match=r"\[data\]: val = 29 leaves none of 30 cases"):
        hidden_set(frames(train=30, test=6, val=29), SECRET, 0, ("image",), "label")


def test_case_names_are_different_words_that_do_not_reveal_the_position():
    names = drawn_names(SECRET, "example", "case/0", 2000)
    assert len(set(names)) == 2000
    assert all(len(a) == len(b) == 4 and (a + b).isalpha() for a, b in (name.split("-") for name in names))
    ranks = np.argsort(np.argsort(names))
    assert abs(np.corrcoef(ranks, np.arange(2000))[0, 1]) < 0.1
    assert names[:10] != drawn_names(OTHER, "example", "case/0", 10)


def test_each_commit_receives_the_cases_in_its_own_order():
    first, again, other = (presented_order(SECRET, "example", commit, 50) for commit in ("abc", "abc", "abd"))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
    assert sorted(first.tolist()) == list(range(50))


def test_a_digest_sees_names_types_shapes_and_bytes_but_not_the_order_of_keys():
    a, b = np.arange(6, dtype=np.float32), np.zeros(2, np.uint8)
    base = arrays_digest({"a": a, "b": b})
    assert base == arrays_digest({"b": b, "a": a})
    others = [
        arrays_digest({"a": a, "c": b}),
        arrays_digest({"a": a.astype(np.float64), "b": b}),
        arrays_digest({"a": a.reshape(2, 3), "b": b}),
        arrays_digest({"a": a + 1, "b": b}),
        arrays_digest({"a": a}),
    ]
    assert len({base, *others}) == 6


def test_inputs_truth_and_training_data_have_separate_digests(frames):
    of = frames(train=12, test=6)
    before = hidden_set(of, SECRET, 0, ("image",), "label")
    source = of.folder / "scans.py"
    source.write_text(source.read_text().replace("% 2,", "% 2 * 0,"))  # the labels are corrected
    after = hidden_set(of, SECRET, 0, ("image",), "label")
    assert after.inputs_digest == before.inputs_digest
    assert after.truth_digest != before.truth_digest
    assert after.train_digest != before.train_digest


def test_an_unknown_source_names_the_nearest_or_lists_all():
    with pytest.raises(UserError, match=r'no source "breast_canser" .*; did you mean "breast_cancer"\?'):
        source_of(assignment(source="breast_canser"))
    with pytest.raises(UserError, match=rf"use one of: {', '.join(sorted(SOURCES))}$"):
        source_of(assignment(source="nothing like it"))


def test_a_source_without_the_array_that_is_scored_is_named(frames):
    with pytest.raises(UserError, match=r"scans\.py: the training cases lack mask; they have image, label"):
        hidden_set(frames(train=6, test=6), SECRET, 0, ("image",), "mask")


def test_further_arrays_of_truth_are_records_in_the_order_of_the_cases(frames):
    alone = hidden_set(frames(train=6, test=6), SECRET, 0, ("spacing",), "label")
    both = hidden_set(frames(train=6, test=6), SECRET, 0, ("spacing",), "label", ("image", "not there"))
    assert both.truth.dtype.names == ("label", "image")
    assert both.truth.shape == (6,)
    assert both.truth["label"].tolist() == alone.truth.tolist()
    assert both.truth["image"].shape == (6, 2, 2)
    assert both.truth_digest != alone.truth_digest


def test_a_digest_of_records_depends_on_their_fields():
    values = np.arange(4, dtype=np.uint8)
    first = records({"a": values, "b": values})
    second = records({"a": values, "c": values})
    assert arrays_digest({"truth": first}) != arrays_digest({"truth": second})
    assert arrays_digest({"truth": first}) == arrays_digest({"truth": first.copy()})


@pytest.mark.parametrize("inputs", [("image", "label"), ("image", "group")])
def test_a_truth_is_never_among_the_inputs(frames, inputs):
    with pytest.raises(UserError, match="is the truth: take it out of the inputs"):
        hidden_set(frames(train=6, test=6), SECRET, 0, inputs, "label", ("group",))


@pytest.mark.parametrize("data", [{}, {"redraw": True}, {"redraw": True, "val": 6}, {"val": 6}])
@pytest.mark.parametrize("repeat", [0, 2])
def test_the_keys_of_a_repeat_draw_the_set_that_the_secret_draws(frames, data, repeat):
    of = frames(**data)
    keys = Keys.of(SECRET, purposes_of(of, repeat))
    by_secret, by_keys = (hidden_set(of, source, repeat, ("image",), "label") for source in (SECRET, keys))
    assert by_keys.cases == by_secret.cases
    assert by_keys.fit_seed == by_secret.fit_seed
    for arrays, expected in ((by_keys.train, by_secret.train), (by_keys.val or {}, by_secret.val or {})):
        assert {name: array.tobytes() for name, array in arrays.items()} == {
            name: array.tobytes() for name, array in expected.items()
        }
    assert by_keys.inputs["image"].tobytes() == by_secret.inputs["image"].tobytes()
    assert by_keys.truth.tobytes() == by_secret.truth.tobytes()


def test_the_keys_of_one_repeat_draw_no_other(frames):
    keys = Keys.of(SECRET, purposes_of(frames(redraw=True), 0))
    with pytest.raises(ValueError, match="was not handed over"):
        hidden_set(frames(redraw=True), keys, 1, ("image",), "label")


def test_the_key_of_a_commits_order_gives_the_order_that_the_secret_gives():
    keys = Keys.of(SECRET, [presented_purpose("example", "c0ffee")])
    assert presented_order(keys, "example", "c0ffee", 20).tolist() == (
        presented_order(SECRET, "example", "c0ffee", 20).tolist()
    )


def test_an_input_set_holds_no_truth_no_name_of_a_case_and_no_digest_of_them(frames):
    hidden = hidden_set(frames(), SECRET, 0, ("image",), "label")
    input_set = hidden.input_set
    values = [getattr(input_set, field.name) for field in fields(input_set)]
    assert not any(value is hidden.truth or value is hidden.cases for value in values)
    held = [value for value in values if isinstance(value, dict)] + [input_set.subjects]
    assert {name for arrays in held if isinstance(arrays, dict) for name in arrays} == {
        "image", "label", "subject", "spacing",  # of the training cases, which a solution receives
    }  # fmt: skip
    assert set(input_set.inputs) == {"image"}
    pickled = pickle.dumps(input_set)
    for secret in (hidden.truth_digest, hidden.inputs_digest, *(case.id for case in hidden.cases)):
        assert secret.encode() not in pickled


def test_the_sizes_in_an_input_set_are_those_of_the_hidden_set():
    image = np.zeros((3, 4, 5), np.float32)
    hidden = HiddenSet(
        train={}, val=None, inputs={"image": image}, truth=np.zeros((3, 4, 5, 2), np.float32), cases=(None,) * 3,
        fit_seed=7, inputs_digest="", train_digest="", truth_digest="",
    )  # fmt: skip
    # A field of two components in 4 x 5: 40 numbers a case, 4 bytes each, three cases.
    assert (hidden.input_set.count, hidden.input_set.case_numbers, hidden.input_set.truth_bytes) == (3, 40, 480)
    flat = replace(hidden, truth=np.zeros(3, np.uint8))
    assert (flat.input_set.case_numbers, flat.input_set.truth_bytes) == (20, 3)
