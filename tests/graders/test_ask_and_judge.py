"""A submission is asked where no label is, and judged where no sandbox is; marking is the one after the other."""

from dataclasses import replace
from pathlib import Path

import pytest

from assignments.data.hidden import presented_purpose
from assignments.data.streams import Keys
from assignments.interface import read_interface
from assignments.load import load
from graders.asking.job import test_purpose
from graders.asking.journal import Silent
from graders.grade import Replies, ask, grade, judge
from graders.record.documents import Trouble
from graders.tasks.hidden_cases import drawn_set
from graders.wall.sandboxes.local import Local
from tests.jobs import job_here

GROUPS = Path(__file__).parents[1] / "example_groups"
SECRET = b"of these tests, 32 bytes or so.."
TESTS = ("test_tiny.py::test_scale", "test_tiny.py::test_loss")
test_purpose.__test__ = False


class NoSandbox:
    """Whoever judges must not look a sandbox up."""

    def __getitem__(self, name):
        raise AssertionError("a sandbox was looked up")


@pytest.fixture(scope="module")
def with_replies(tmp_path_factory):
    """A job of two tests and one repeat, the truths, and the replies of asking."""
    assignment = load(GROUPS / "assignment")
    job, store = job_here(
        assignment, GROUPS / "perfect", tmp_path_factory.mktemp("answers"), secret=SECRET, tests=TESTS, repeats=(0,),
        scores=("accuracy",),
    )  # fmt: skip
    truths = {0: drawn_set(assignment, read_interface(assignment.folder / "interface.py"), SECRET, 0)}
    # These keys draw the inputs of the tests and the order of the cases: nothing that draws a truth.
    draws = [*(test_purpose(assignment.id, test) for test in TESTS), presented_purpose(assignment.id, job.commit)]
    labelless = replace(job, keys=Keys.of(SECRET, draws))
    replies = ask(labelless, {0: truths[0].input_set}, store, Silent(), {"local": Local})
    return job, store, truths, replies


def test_asking_needs_no_key_that_draws_a_truth(with_replies):
    *_, replies = with_replies
    assert replies.trouble is None
    assert {test: result.verdict for test, result in replies.tests.items()} == dict.fromkeys(TESTS, "passed")
    assert replies.answers[0].states == (None,) * 12


def test_judging_gives_of_equal_replies_an_equal_result_and_opens_no_sandbox(with_replies, monkeypatch):
    job, store, truths, replies = with_replies
    monkeypatch.setattr(Local, "open", None)
    first, second = (judge(job, replies, truths, store) for _ in range(2))
    assert first == second
    assert first.tests == replies.tests
    assert first.answers == replies.answers
    assert first.scores["accuracy"].measured.score > 0.9


def test_to_grade_is_to_ask_and_to_judge(with_replies, tmp_path):
    job, store, truths, replies = with_replies
    whole = grade(job, replace(store, answers=tmp_path))
    apart = judge(job, replies, truths, store)
    assert whole.scores == apart.scores
    assert whole.answers[0].file == apart.answers[0].file  # named by content: the answers are equal to the bit
    assert {id: result.verdict for id, result in whole.tests.items()} == dict.fromkeys(TESTS, "passed")


def test_a_stage_that_the_ledger_holds_is_not_made_again(with_replies):
    job, store, truths, replies = with_replies
    rest = replace(job, tests=(), repeats=(), answers=replies.answers)
    result = grade(rest, store, sandboxes={"local": NoSandbox})
    assert (result.tests, result.answers, result.trouble) == ({}, {}, None)
    assert result.scores == judge(job, replies, truths, store).scores


@pytest.mark.parametrize("kind", ["train", "inputs", "truth"])
def test_a_machine_that_draws_other_cases_than_were_planned_says_so_and_asks_nobody(with_replies, kind):
    job, store, truths, replies = with_replies
    planned = truths[0].digests
    rescored = replace(job, tests=(), repeats=(), answers=replies.answers, data={0: planned})
    assert grade(rescored, store).trouble is None
    other = replace(planned, **{kind: "another"})
    result = grade(replace(job, data={0: other}), store, sandboxes={"local": NoSandbox})
    assert result.trouble.reason == "data"
    assert "draws other cases now than were planned (repeat 0)" in result.trouble.evidence
    assert (result.tests, result.answers, result.scores) == ({}, {}, {})


def test_replies_that_are_not_whole_are_not_scored_and_keep_their_trouble(with_replies):
    job, store, truths, replies = with_replies
    trouble = Trouble("engine", "the daemon went away")
    result = judge(job, Replies(replies.tests, {}, trouble), truths, store)
    assert (result.tests, result.scores, result.trouble) == (replies.tests, {}, trouble)
    without_trouble = judge(job, Replies(replies.tests, {}), truths, store)
    assert (without_trouble.scores, without_trouble.trouble) == ({}, None)


def test_a_trouble_of_judging_leaves_the_replies(with_replies):
    job, store, truths, replies = with_replies
    result = judge(job, replies, truths, replace(store, answers=Path("/nowhere")))
    assert result.trouble.reason == "data"
    assert replies.answers[0].file in result.trouble.evidence
    assert result.tests == replies.tests
    assert result.scores == {}
