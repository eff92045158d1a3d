"""Stored answers: written as they come where cases are read one at a time, named by their content, read when scored."""

import tracemalloc
import zipfile

import numpy as np
import pytest

from assignments.data.columns import Column
from graders.failures import DataFailure, InternalFailure
from graders.record.answer_files import AnswerFile, load_answers, store_arrays
from graders.record.documents import AnswersResult, Cause

SHAPES = [(2, 3, 4), (1, 5, 2), (3, 3, 3)]
ANSWERS = [np.arange(np.prod(shape)).reshape(shape).astype(np.float16) for shape in SHAPES]
FAILED = Cause("wall_limit")


def stored(store, answers, order=None):
    """Store answers by index in an order; the file's name."""
    with AnswerFile(store) as file:
        for index in order or answers:
            file.add(index, {"prob": answers[index]})
        return file.complete()


def result(name, states=(None, None, None)):
    return AnswersResult(verdict="passed", file=name, states=states)


def test_answers_of_different_sizes_are_read_back_the_same(tmp_path):
    name = stored(tmp_path, dict(enumerate(ANSWERS)), order=[2, 0, 1])
    answers = load_answers(tmp_path, result(name))
    column = answers.arrays["prob"]
    assert isinstance(column, Column)
    assert column.shapes == tuple(SHAPES)
    assert [case.tolist() for case in column] == [answer.tolist() for answer in ANSWERS]
    assert column[0].dtype == np.float16
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_equal_answers_in_an_equal_order_are_one_file(tmp_path):
    names = {stored(tmp_path / folder, dict(enumerate(ANSWERS)), [1, 2, 0]) for folder in "ab"}
    assert len(names) == 1
    assert stored(tmp_path / "c", {0: ANSWERS[0] + 1, 1: ANSWERS[1], 2: ANSWERS[2]}, [1, 2, 0]) not in names
    (name,) = names
    with zipfile.ZipFile(tmp_path / "a" / name) as archive:
        assert archive.namelist() == ["prob/000001.npy", "prob/000002.npy", "prob/000000.npy"]


def test_a_failed_case_has_no_answer_and_what_was_begun_of_one_is_not_read(tmp_path):
    name = stored(tmp_path, {0: ANSWERS[0], 1: ANSWERS[1]})
    answers = load_answers(tmp_path, result(name, (None, FAILED, FAILED)))
    assert len(answers.arrays["prob"]) == 3
    assert answers.failed == {1: "wall_limit", 2: "wall_limit"}
    assert answers.arrays["prob"].shapes == (SHAPES[0], (0,), (0,))


def test_rows_are_one_array_with_zeros_where_a_case_failed(tmp_path):
    name = stored(tmp_path, {0: np.float32([0.25, 0.75]), 2: np.float32([1, 0])})
    answers = load_answers(tmp_path, result(name, (None, FAILED, None)))
    assert answers.arrays["prob"].tolist() == [[0.25, 0.75], [0, 0], [1, 0]]
    assert answers.arrays["prob"].dtype == np.float32


def test_kinds_that_differ_from_case_to_case_are_read_in_the_kind_that_holds_them_all(tmp_path):
    name = stored(tmp_path, {0: np.uint8([[[200]]]), 1: np.int8([[[-1, 2]]]), 2: np.uint8([[[0]]])})
    column = load_answers(tmp_path, result(name)).arrays["prob"]
    assert [case.dtype for case in column] == [np.int16] * 3
    assert [case.tolist() for case in column] == [[[[200]]], [[[-1, 2]]], [[[0]]]]


def test_no_answer_is_no_file(tmp_path):
    with AnswerFile(tmp_path) as file:
        assert file.complete() is None
    assert list(tmp_path.iterdir()) == []
    assert load_answers(tmp_path, result(None, (FAILED,))).arrays == {}
    with pytest.raises(DataFailure, match="no file"):
        load_answers(tmp_path, result(None))


def test_an_interrupted_file_leaves_nothing(tmp_path):
    with AnswerFile(tmp_path) as file:
        file.add(0, {"prob": ANSWERS[0]})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-30], lambda data: data[:60] + b"!" + data[61:], lambda data: b""]
)
def test_a_file_whose_content_changed_is_never_scored(tmp_path, spoil):
    name = stored(tmp_path, dict(enumerate(ANSWERS)))
    path = tmp_path / name
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataFailure, match="asks for them again"):
        load_answers(tmp_path, result(name))


def test_a_file_that_goes_while_it_is_scored_is_a_data_failure(tmp_path):
    name = stored(tmp_path, dict(enumerate(ANSWERS)))
    column = load_answers(tmp_path, result(name)).arrays["prob"]
    (tmp_path / name).unlink()
    with pytest.raises(DataFailure, match="cannot be read"):
        column[0]


def test_a_store_that_cannot_be_written_is_a_toolkit_failure(tmp_path):
    (tmp_path / "store").write_text("a file in its place")
    with pytest.raises(InternalFailure, match="cannot be stored"):
        AnswerFile(tmp_path / "store")
    with pytest.raises(InternalFailure, match="cannot be stored"):
        store_arrays(tmp_path / "store", {"prob": np.zeros(3)})


def test_neither_writing_nor_reading_holds_more_than_one_case(tmp_path):
    case = np.zeros((128, 128, 128), np.float16)  # 4 MB
    tracemalloc.start()
    try:
        with AnswerFile(tmp_path) as file:
            for index in range(12):
                file.add(index, {"prob": case + np.float16(index)})
            name = file.complete()
        column = load_answers(tmp_path, result(name, (None,) * 12)).arrays["prob"]
        assert [float(answer[0, 0, 0]) for answer in column] == list(range(12))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * case.nbytes
