"""The answers of references are stored as they are scored: together, or one at a time."""

import json
import shutil

import numpy as np
import pytest

from assignments.data.columns import Column
from graders.authoring.stored_runs import StoredRun, store_run, stored_run
from graders.record.answer_files import AnswerFile, load_answers
from graders.record.answers import Answers
from graders.record.documents import AnswersResult

ANSWERS = [np.full(shape, 0.25, np.float16) for shape in ((2, 3, 4), (1, 5, 2))]


@pytest.fixture
def ragged(tmp_path):
    """A run whose answers lie in the folder of a bench, which is gone when they are scored."""
    bench = tmp_path / "bench"
    with AnswerFile(bench) as file:
        for index, answer in enumerate(ANSWERS):
            file.add(index, {"prob": answer})
        name = file.complete()
    result = AnswersResult(verdict="passed", file=name, states=(None, None))
    return StoredRun(Answers(load_answers(bench, result).arrays), 1.5, {"numpy": "2"}), bench


@pytest.mark.parametrize("cached", [True, False])
def test_answers_of_different_sizes_outlive_the_bench_with_and_without_a_cache(ragged, tmp_path, cached):
    run, bench = ragged
    again = store_run(tmp_path / "cache" if cached else None, "key", run)
    shutil.rmtree(bench)
    assert [answer.tolist() for answer in again.answers.arrays["prob"]] == [answer.tolist() for answer in ANSWERS]
    assert (again.cpu_s, again.versions) == (1.5, {"numpy": "2"})


def test_a_stored_run_is_read_one_answer_at_a_time(ragged, tmp_path):
    store_run(tmp_path / "cache", "key", ragged[0])
    again = stored_run(tmp_path / "cache", "key").answers.arrays["prob"]
    assert isinstance(again, Column)
    assert again.shapes == ((2, 3, 4), (1, 5, 2))
    assert again[1].tolist() == ANSWERS[1].tolist()


def test_a_cache_that_cannot_be_written_costs_only_memory(ragged, tmp_path):
    (tmp_path / "cache").write_text("a file in its place")
    run, bench = ragged
    again = store_run(tmp_path / "cache", "key", run)
    shutil.rmtree(bench)
    assert again.answers.arrays["prob"][0].tolist() == ANSWERS[0].tolist()


def test_a_run_from_before_its_cases_were_counted_is_read(tmp_path):
    run = StoredRun(Answers({"prob": np.float32([0.5, 1])}), 1.0, {})
    assert store_run(tmp_path, "key", run) is run
    facts = json.loads((tmp_path / "key.json").read_text())
    del facts["cases"]
    (tmp_path / "key.json").write_text(json.dumps(facts))
    assert stored_run(tmp_path, "key").answers.arrays["prob"].tolist() == [0.5, 1]


@pytest.mark.parametrize("damage", ["middle", "end"])
def test_a_damaged_run_is_none(tmp_path, damage):
    answers = np.random.default_rng(1).random((50, 8)).astype(np.float32)
    store_run(tmp_path, "key", StoredRun(Answers({"prob": answers}), 1.0, {}))
    assert stored_run(tmp_path, "key") is not None
    path = tmp_path / "key.npz"
    content = path.read_bytes()
    path.write_bytes(content[:300] + b"\xff" * 200 + content[500:] if damage == "middle" else content[:-10])
    assert stored_run(tmp_path, "key") is None
