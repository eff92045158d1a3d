"""Which questions meet in one container: all of them, or none where one repeat labels what another asks for."""

from pathlib import Path

import numpy as np
import pytest

from assignments.data.hidden import InputSet
from assignments.load import load
from graders.asking import containers
from graders.asking.containers import Container, containers_for
from tests.jobs import job_here

FOLDER = Path(__file__).parents[2] / "example_groups/assignment"
TEST = "test_tiny.py::test_scale"


def shown(train, hidden):
    """A repeat that labels some cases of a pool and asks for others, each a row of its own."""
    rows = np.eye(6, dtype=np.float32)
    return InputSet({"x": rows[train]}, None, {"x": rows[hidden]}, 0, len(hidden), len(hidden), 6)


APART = {0: shown([0, 1], [2]), 1: shown([0, 1], [3])}
CARRYING = {0: shown([0, 1], [2]), 1: shown([2, 3], [4])}
"""The first repeat asks for a case that the second one labels."""


@pytest.fixture
def parted(tmp_path):
    """The containers of a job: `parted(APART, tests=(TEST,), repeats=(0, 1))`."""

    def parted(repeats_shown, redraw=True, **job_fields):
        job, _ = job_here(load(FOLDER), tmp_path, tmp_path, secret=b"s" * 32, **job_fields)
        return containers_for(job, repeats_shown, redraw=redraw)

    return parted


def test_all_questions_share_a_container_where_no_label_could_be_carried(parted):
    assert parted(APART, tests=[TEST], repeats=(0, 1)) == [Container(True, (0, 1), forgets=False)]


def test_a_case_that_one_repeat_labels_and_another_asks_for_parts_tests_and_repeats(parted):
    assert parted(CARRYING, tests=[TEST], repeats=(0, 1)) == [
        Container(True, (), forgets=True), Container(False, (0,), forgets=True), Container(False, (1,), forgets=True),
    ]  # fmt: skip


def test_a_repeat_that_was_answered_before_separates_the_questions_of_now_too(parted):
    assert parted(CARRYING, tests=[TEST], repeats=(1,)) == [
        Container(True, (), forgets=True), Container(False, (1,), forgets=True),
    ]  # fmt: skip


def test_a_score_opens_no_container(parted):
    assert parted(CARRYING, scores=("accuracy",)) == []


@pytest.mark.parametrize(("repeats_shown", "redraw"), [(CARRYING, False), ({0: CARRYING[0]}, True)])
def test_repeats_of_one_draw_and_a_single_repeat_are_not_compared(parted, monkeypatch, repeats_shown, redraw):
    monkeypatch.setattr(containers, "case_digests", None)
    assert parted(repeats_shown, redraw, repeats=(0,)) == [Container(False, (0,), forgets=False)]
