"""One place makes the sentences of a finding from its parts: pages, terminal and JSON say the same."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from graders import failures
from graders.marks import words
from graders.marks.findings import HandedIn, MarkDecisions, mark_of
from graders.marks.mark import Finding, HeldCap, Verdict
from graders.record.documents import (
    Cause,
    Explained,
    FailedCases,
    FalsePositives,
    JobResult,
    Phrase,
    Trouble,
)
from graders.record.older_documents import REASON_OF_SENTENCE
from graders.record.read_documents import result
from graders.scoring import fixes
from reports.as_json import mark_as_json
from reports.feedback import feedback_page
from reports.sentences import TOOLKIT_FAILED, VOID, feedback
from tests.graders.marks.hand_made import declared
from tests.reports.hand_made import accuracy, assignment, check, hand_in, mark, person
from tests.reports.pages import Page

STORED = json.loads((Path(__file__).parents[1] / "graders/record/stored_before_schemas.json").read_text("utf-8"))


def scored(**more):
    finding = accuracy(0.742, (0.711, 0.773))
    return replace(finding, scored=replace(finding.scored, **more))


def test_a_test_is_shown_by_its_title_and_then_by_why_it_was_not_passed():
    assert feedback(check("a", "It is 0.", 5, 5)) == "It is 0."
    failed = check("a", "It is 0.", 0, 5, reason="raised", line="solution.py:12")
    failed = replace(failed, cause=replace(failed.cause, kind="ValueError"))
    assert feedback(failed) == "It is 0.\nthe call raised an exception (ValueError), at solution.py:12"


def test_a_test_that_could_not_be_asked_says_what_it_needs_and_what_to_mend_first():
    finding = check("a", "It is 0.", 0, 5, reason="not_asked")
    finding = replace(finding, cause=replace(finding.cause, text="`fit` has to learn first"), mend="It scales.")
    assert feedback(finding) == ("It is 0.\ncould not be asked: `fit` has to learn first; mend this first: It scales.")


def test_a_wrong_answer_says_how_it_is_related_to_the_expected_one_and_the_authors_hint():
    finding = check("a", "It is 0.", 0, 5, reason="wrong_answer")
    finding = replace(finding, cause=replace(finding.cause, kind="factor", text="the mean, not the sum"))
    assert feedback(finding) == (
        "It is 0.\nthe answer is not the expected one: it differs by one factor, the same everywhere: the mean, not "
        "the sum"
    )


def test_a_test_that_could_not_be_run_is_a_toolkit_failure_and_an_ungraded_test_is_no_failure():
    assert feedback(check("a", "It is 0.", None, 5, reason="engine")) == f"It is 0.\n{TOOLKIT_FAILED}"
    assert feedback(check("a", "It is 0.", None, 5, reason="not_graded")) == "It is 0.\nNot graded yet."


def test_a_void_test_says_so():
    assert feedback(check("a", "It is 0.", 5, 5, void=True)) == f"It is 0.\n{VOID}"


def test_a_submission_that_was_not_accepted_reads_as_the_intake_says():
    given = {"reason": "not_accepted", "note": "There is no solution.py."}
    assert feedback(check("a", "It is 0.", 0, 5, **given)) == "It is 0.\nThere is no solution.py."
    assert feedback(accuracy(None, None, "0", **given)) == "There is no solution.py."


def test_a_persons_points_are_shown_with_their_comment():
    assert feedback(person()) == "A person marks this; it is not marked yet."
    assert feedback(person("21")) == "Marked by a person."
    assert feedback(replace(person("21"), note="Well argued.")) == "Marked by a person. Well argued."


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({}, "dice 0.742 (95 % interval 0.711 to 0.773) on 15 hidden cases."),
        ({"interval": None, "unit": "mm"}, "dice 0.742 mm on 15 hidden cases."),
        ({"repeats": 3}, "dice 0.742 (95 % interval 0.711 to 0.773) on 5 hidden cases, median of 3 repeats."),
        ({"answers": None}, "dice 0.742 (95 % interval 0.711 to 0.773) on the hidden cases."),
    ],
)
def test_a_score_is_shown_with_its_unit_interval_and_cases(parts, sentence):
    assert feedback(scored(**parts)) == sentence


def test_answers_that_failed_are_listed_by_reason_with_what_they_count_as():
    raised, not_finite = Cause("raised", "ValueError", "solution.py:3", "fit"), Cause("not_finite")
    assert feedback(scored(failed=(FailedCases(raised, 2), FailedCases(not_finite, 1)))).endswith(
        " 3 of 15 answers failed and count as the worst there is: in fit: the call raised an exception (ValueError), "
        "at solution.py:3 (2); the answer holds NaN or infinity (1)."
    )


def test_empty_cases_explanations_and_caps_follow():
    explained = Explained("flip", Phrase("full"), Phrase("axes_flipped", (0, 2)), 0.03, 0.81, 6)
    cap = HeldCap("the dice is below 0.5", Fraction(7, 10))
    sentence = feedback(scored(false_positives=FalsePositives(2, of=3), explained=explained, caps=(cap,)))
    assert sentence.partition(" on 15 hidden cases. ")[2] == (
        "Something was found in 2 of 3 empty cases. Every answer is full: every voxel is foreground. "
        "dice 0.03; 0.81 if the first and third axes are flipped. Tried on 6 cases. "
        "The points are for the answers as they are. "
        "Because the dice is below 0.5, at most 70 % of the points are given."
    )


def test_a_search_for_a_mistake_that_failed_is_not_shown():
    assert feedback(scored(explained=Explained("defect", evidence="Traceback"))) == feedback(scored())


def test_page_and_json_tell_a_finding_alike():
    failed = check("a", "It is 0.", 0, 35, reason="wrong_shape", line="solution.py:12")
    given = mark(checks=(failed,))
    page = Page(feedback_page(given, assignment(), hand_in())).text
    test, score, _ = mark_as_json(given, "student")["findings"]
    assert (test["reason"], test["feedback"]) == (
        "the answer has the wrong shape",
        "It is 0.\nthe answer has the wrong shape, at solution.py:12",
    )
    assert "It is 0. The answer has the wrong shape, at solution.py:12." in page
    assert score["feedback"] in page


def every_failure():
    found = [failures.SubmissionFailure, failures.ToolkitFailure]
    for failure in found:
        found += failure.__subclasses__()
    return [failure for failure in found if failure is not failures.SubmissionFailure]


def test_every_reason_has_words():
    assert {failure.reason for failure in every_failure()} <= words.REASON_WORDS.keys()
    assert set(REASON_OF_SENTENCE.values()) <= words.REASON_WORDS.keys()


def test_every_mistake_that_is_searched_for_has_words():
    rng = np.random.default_rng(0)
    volumes, masks = rng.uniform(size=(4, 3, 3, 3)), rng.integers(2, size=(4, 3, 3, 3))
    rows, classes = np.eye(3)[[1, 2, 0] * 6], np.arange(18) % 3
    found = [
        *fixes.of_images((3, 3, 3)), *fixes.of_images((3, 3)), *fixes.of_probabilities(volumes, masks),
        *fixes.of_labels(list((masks + 1) % 2), list(masks)), *fixes.of_fields(),
        *fixes.of_thresholds(rng.uniform(0.5, 0.73, 20), 0.4), *fixes.of_classes(rows, classes),
    ]  # fmt: skip
    said = [words.phrase_words(fix.phrase) for fix in found]
    assert len(set(said)) > 50
    assert all(re.fullmatch(r"[a-z][\w ,.()'-]+", text) for text in said)
    assert "column 1 is class 0, column 2 is class 1 and column 0 is class 2" in said


def marked(stored, **more):
    """The finding of a test whose result an earlier medmark stored."""
    test = declared("test_a.py::test_x", 35, "It is 0.")
    found = JobResult({test.id: result("test", json.dumps(stored))})
    of = assignment()
    made = mark_of(of, (test,), HandedIn("g", "c0ffee"), replace(found, **more), MarkDecisions(), {})
    return made.findings[0]


def test_a_stage_that_was_stored_long_ago_reads_in_the_words_of_today(monkeypatch):
    stored = STORED["a test whose call raised"]["document"]
    assert feedback(marked(stored)) == f"It is 0.\n{stored['told']}", "the words have not changed so far"
    new_words = {**words.REASON_WORDS, "raised": "your function stopped with an exception"}
    monkeypatch.setattr(words, "REASON_WORDS", new_words)
    now = "It is 0.\nyour function stopped with an exception (ValueError), at solution.py:12"
    assert feedback(marked(stored)) == now


@pytest.mark.parametrize("name", [name for name, stored in STORED.items() if stored["kind"] == "score"])
def test_an_older_score_reads_as_it_did_but_for_words_that_changed_since(name):
    stored = STORED[name]["document"]
    of = assignment(criterion=[CRITERION | {"metric": stored.get("metric", "dice")}])
    found = JobResult(scores={"a": result("score", json.dumps(stored))})
    finding = mark_of(of, (), HandedIn("g", "c0ffee"), found, MarkDecisions(), {}).findings[0]
    if stored["verdict"] == "unknown":
        assert (finding.verdict, finding.points, finding.cause) == (Verdict.UNKNOWN, None, Cause("data"))
        return
    explained = (stored.get("explained") or {}).get("told", "")
    before = f"{stored['told']} {explained}".strip()
    for old, new in {"auroc": "AUROC", "solution.py could not be": "the solution could not be"}.items():
        before = before.replace(old, new)
    assert feedback(finding) == before


ANCHORS = {"trivial": 0.0, "pass": 0.1, "merit": 0.2, "distinction": 0.3, "reference": 0.9, "ceiling": 1.0}
CRITERION = {"id": "a", "kind": "accuracy", "points": 100, "metric": "dice", "anchors": ANCHORS}


def test_what_is_withheld_from_an_audience_makes_no_sentence():
    nobody = Finding("x/y", "a kind of tomorrow", "tests", Verdict.FAILED, Decimal(0), Decimal(1))
    assert feedback(nobody) == ""


def test_a_missing_stage_reads_as_the_toolkits_failure():
    of, test = assignment(), declared("test_a.py::test_x", 35, "It is 0.")
    away = JobResult(trouble=Trouble("engine", "the daemon is away"))
    made = mark_of(of, (test,), HandedIn("g", "c0ffee"), away, MarkDecisions(), {})
    assert [feedback(finding) for finding in made.findings[:2]] == [
        f"It is 0.\n{TOOLKIT_FAILED}",
        f"The score has not been computed.\n{TOOLKIT_FAILED}",
    ]
