"""Columns: cases of different sizes behave as an array with a leading N, and are read one at a time."""

from dataclasses import replace

import numpy as np
import pytest

from assignments.data.columns import (
    Column,
    MadeCase,
    StoredCase,
    alone,
    case_shapes,
    field_names,
    filled,
    held_bytes,
    largest,
    largest_bytes,
    one_by_one,
    record_column,
    stacked,
    whole_numbers,
)
from assignments.data.hidden import HiddenSet, arrays_digest
from assignments.data.overlap import case_digests
from assignments.errors import UserError

SMALL, LARGE = np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(20, dtype=np.float32).reshape(4, 5)


@pytest.fixture
def stored(tmp_path):
    """A function that stores arrays, one file each, and gives their column."""

    def store(*arrays, changed=None, name="case"):
        cases = []
        for number, array in enumerate(arrays):
            path = tmp_path / f"{name}{number}.npy"
            np.save(path, array)
            cases.append(StoredCase(path, array.dtype.str, array.shape))
        return Column(cases, changed)

    return store


def test_cases_of_different_sizes_are_read_as_they_were_stored(stored):
    column = stored(SMALL, LARGE)
    assert len(column) == 2
    assert [case.tolist() for case in column] == [SMALL.tolist(), LARGE.tolist()]
    assert column[-1].shape == (4, 5)
    assert alone(column, 0).tolist() == [SMALL.tolist()]
    assert case_shapes(column) == ((2, 3), (4, 5))


def test_sizes_are_known_without_reading(stored):
    column = stored(SMALL, LARGE)
    for case in column.cases:
        case.path.unlink()
    # 6 and 20 numbers of 4 bytes.
    assert (column.size, column.nbytes, largest(column), largest_bytes(column)) == (26, 104, 20, 80)
    dense = np.zeros((3, 4, 5), np.float32)
    assert (largest(dense), largest_bytes(dense)) == (20, 80)


@pytest.mark.parametrize("index", [[2, 0], np.array([2, 0]), slice(2, None, -2)])
def test_several_cases_are_chosen_by_their_indices(stored, index):
    column = stored(SMALL, LARGE, SMALL + 1)
    assert [case.tolist() for case in column[index]] == [(SMALL + 1).tolist(), SMALL.tolist()]


def test_cases_are_chosen_by_a_mask_as_in_an_array(stored):
    column = stored(SMALL, LARGE, SMALL + 1)
    assert case_shapes(column[np.array([False, True, True])]) == ((4, 5), (2, 3))
    assert len(column[[]]) == 0


def test_a_change_is_applied_whenever_a_case_is_read(stored):
    column = stored(SMALL, LARGE, changed=lambda case: case + 1)
    assert column[[1, 0]][1].tolist() == (SMALL + 1).tolist()


def test_a_row_of_a_file_with_a_leading_n_is_a_case(tmp_path):
    np.save(tmp_path / "all.npy", np.stack([SMALL, SMALL + 1]))
    column = Column([StoredCase(tmp_path / "all.npy", "<f4", (2, 3), row) for row in (1, 0)])
    assert stacked(column).tolist() == [(SMALL + 1).tolist(), SMALL.tolist()]


def test_a_file_that_was_cut_off_or_replaced_is_named_with_the_cure(stored, tmp_path):
    column = stored(SMALL)
    np.save(tmp_path / "case0.npy", LARGE)
    with pytest.raises(UserError, match=r"case0\.npy.*not <f4 \(2, 3\).*[Rr]un the command again"):
        column[0]
    for left in (b"\x93NUMPY", b""):
        (tmp_path / "case0.npy").write_bytes(left)
        with pytest.raises(UserError, match="cannot be read"):
            column[0]


def test_records_hold_each_array_of_a_case_in_that_cases_own_size(stored):
    masks = stored(np.ones((2, 3), np.uint8), np.ones((4, 5), np.uint8), name="mask")
    column = record_column({"target": stored(SMALL, LARGE), "mask": masks, "age": np.array([50, 60])})
    assert field_names(column) == ("target", "mask", "age")
    assert column.shapes == ((), ())
    assert column[1].shape == ()
    assert column[1]["target"].tolist() == LARGE.tolist()
    assert alone(column, 1)["mask"].shape == (1, 4, 5)
    assert column[[1]][0]["age"] == 60
    # 20 numbers of 4 bytes, 20 of 1 byte and one of 8 bytes.
    assert (largest(column), largest_bytes(column)) == (108, 108)


def test_fields_are_those_of_a_record_array_too():
    assert field_names(np.zeros(2, [("labels", "u1", (3,))])) == ("labels",)
    assert field_names(np.zeros((2, 3))) == ()


def test_equal_cases_have_one_digest_in_whichever_files_they_lie(stored):
    assert arrays_digest({"x": stored(SMALL, LARGE)}) == arrays_digest({"x": stored(SMALL, LARGE, name="copy")})


def test_the_digest_changes_with_every_part_of_a_column(stored):
    ragged = stored(SMALL, LARGE)
    digests = {
        arrays_digest({"x": column})
        for column in (
            ragged,
            ragged[[1, 0]],
            stored(SMALL, LARGE + 1, name="other"),
            stored(SMALL, LARGE.reshape(5, 4), name="turned"),
            stored(SMALL, LARGE.astype(np.float64), name="wide"),
        )
    }
    assert len(digests) == 5


def test_the_different_numbers_of_all_cases_are_those_of_the_stacked_ones():
    rng = np.random.default_rng(0)
    for dtype in (np.uint8, np.int16, np.int64, bool):
        dense = rng.integers(0, 2 if dtype is bool else 5, (6, 3, 4)).astype(dtype)
        assert whole_numbers(dense) == set(map(int, np.unique(dense)))
        assert whole_numbers(one_by_one(dense)) == whole_numbers(dense)
    ragged = Column([MadeCase(lambda a=a: a, a.dtype, a.shape) for a in (np.uint8([0, 255]), np.uint8([[7]]))])
    assert ragged.whole_numbers == {0, 7, 255}
    assert Column([]).whole_numbers == set()


def test_numbers_are_counted_a_part_of_a_volume_at_a_time(monkeypatch):
    monkeypatch.setattr("assignments.data.columns.COUNTED", 3)
    assert whole_numbers(np.uint8([[1, 0, 0], [4, 0, 1], [0, 0, 200]])) == {0, 1, 4, 200}


def test_what_lies_in_memory_at_once_is_all_of_an_array_and_one_case_of_a_column(stored):
    assert held_bytes(np.zeros((3, 4), np.float32)) == 48
    assert held_bytes(stored(SMALL, LARGE)) == 80


def test_cases_of_one_value_take_no_memory_before_they_are_read():
    column = filled([(2, 2), (1 << 20, 1 << 20)], 3, np.uint8)
    assert column[0].tolist() == [[3, 3], [3, 3]]
    assert column.shapes[1] == (1 << 20, 1 << 20)


def test_a_case_that_is_made_is_made_when_it_is_read():
    calls = []
    column = Column([MadeCase(lambda: calls.append(1) or np.ones(3), np.dtype(float), (3,))])
    assert calls == []
    assert column[0].tolist() == [1, 1, 1]
    assert calls == [1]


def test_two_repeats_with_one_image_share_a_case_although_it_is_read_from_a_file(stored):
    train = {"image": stored(SMALL + 1, name="train")}
    shown = HiddenSet(train, None, {"image": stored(SMALL, LARGE)}, np.zeros(2), (None, None), 0, "", "", "")
    other = replace(shown, inputs={"image": SMALL[None] + 1}, train={"image": LARGE[None]})
    assert case_digests(shown).reveals(case_digests(other))
    assert case_digests(other).reveals(case_digests(shown))
    assert not case_digests(shown).reveals(case_digests(shown))
