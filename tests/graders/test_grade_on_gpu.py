"""A submission on a leased GPU, from the lease to the result. No real GPU is needed: nothing computes on it here."""

import time
from pathlib import Path

import pytest

from assignments.load import load, overridden
from graders import grade
from graders.record.documents import to_json
from graders.record.read_documents import job_result
from graders.wall.sandboxes import gpus
from graders.wall.sandboxes.gpu_use import PERIOD_S
from tests.graders.wall.sandboxes.nvidia import MISMATCH, A, nvidia_smi
from tests.jobs import job_here

GROUPS = Path(__file__).parents[1] / "example_groups"


@pytest.fixture
def graded(tmp_path, monkeypatch):
    """Grades a perfect solution with one GPU: `graded(samples=...)`."""
    monkeypatch.setattr(gpus, "LOCKS", tmp_path / "locks")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def run(limits=None, **nvidia):
        nvidia_smi(tmp_path, monkeypatch, **nvidia)
        assignment = overridden(load(GROUPS / "assignment"), limits=limits or {"gpus": 1})
        stages = {"repeats": (0,), "scores": ("accuracy",), "secret": b"of these tests, 32 bytes or so.."}
        return grade.grade(*job_here(assignment, GROUPS / "perfect", tmp_path / "kept", group="perfect", **stages))

    return run


def test_an_answer_holds_what_this_machine_measured_of_its_gpu(graded):
    began = time.monotonic()
    result = graded(samples=f"{A}, 812, 50")
    answers = result.answers[0]
    assert answers.verdict == "passed"
    assert answers.gpu_peak_mb == 812.0
    # Half of the time, and of one period before the first sample.
    assert 0 < answers.gpu_busy_s <= 0.5 * (time.monotonic() - began + PERIOD_S)
    assert job_result(to_json(result)) == result


def test_where_a_gpu_could_not_be_measured_the_answer_says_none(graded):
    answers = graded(samples=f"{A}, [N/A], [N/A]").answers[0]
    assert (answers.verdict, answers.gpu_peak_mb, answers.gpu_busy_s) == ("passed", None, None)


def test_without_a_gpu_nothing_of_one_is_asked_or_recorded(graded):
    answers = graded(limits={"gpus": 0}, listing=MISMATCH, code=18).answers[0]
    assert (answers.verdict, answers.gpu_peak_mb, answers.gpu_busy_s) == ("passed", None, None)


def test_a_broken_driver_withholds_the_mark_in_its_own_words(graded):
    result = graded(listing=MISMATCH, code=18)
    assert result.answers == {}
    assert result.trouble.reason == "engine"
    assert "Driver/library version mismatch NVML library version: 550.54" in result.trouble.evidence
