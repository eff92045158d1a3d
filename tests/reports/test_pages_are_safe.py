"""Whatever a student writes into a field they control is text on our pages."""

import base64
import hashlib
import re
from dataclasses import replace
from fractions import Fraction

import pytest

from graders.course.roster import Group, Member
from graders.marks.mark import Cost, Finding, HeldCap, Status, Verdict
from graders.record.documents import CaseScore, Cause, Explained, FailedCases, Phases, Phrase
from graders.record.ledger import JobTimes
from reports.feedback import HandIn, MemberLine, feedback_page
from reports.leaderboard import Baseline, leaderboard_page
from reports.next_step import NextStep, Todo
from reports.page import TEMPLATES
from tests.reports import cohort_made, hand_made
from tests.reports.hostile import HOSTILE
from tests.reports.pages import Page


def hostile_mark(text):
    """A mark with the text in every string that could come from a student."""
    whole = hand_made.mark()
    cause = Cause(text, text, text, text)
    explained = Explained(text, Phrase("as_written", (text,)), Phrase("as_written", (text,)), 0.1, 0.9, 3)
    findings = tuple(
        replace(
            f, title=text, cause=cause, note=text, hint=text, cause_detail=text, evidence=text,
            cost=Cost(0.1, 0.1, (text,)),
            scored=f.scored and replace(
                f.scored, unit=text, failed=(FailedCases(cause, 1),), explained=explained,
                caps=(HeldCap(text, Fraction(1, 2)),),
            ),
            measured=f.measured and replace(f.measured, cases=(CaseScore(text, text, 0, 0.1, 0.1, "failed", text),)),
        )
        for f in (*whole.findings, *PLAIN)
    )  # fmt: skip
    return replace(whole, group=text, commit=text, findings=findings, provenance={"image": text, text: text})


PLAIN = tuple(
    Finding(f"{kind}/x", kind, "tests", hand_made.Verdict.FAILED, hand_made.Decimal(0), hand_made.Decimal(1))
    for kind in ("public_test", "notice")
)


def hostile_page(text, audience):
    fields = ("name", "repository", "branch", "seen_at", "due", "why", "board_name", "correction", "course")
    hand_in = HandIn(**dict.fromkeys(fields, text), problems=(text,), flags=(text,), version=2)
    step = NextStep((Todo(text, text, text),), text, text, hostile_mark(text).findings[:3], text)
    members = [MemberLine(text, text, text, True, "../personal/s1.html")]
    of = hostile_mark(text), hand_made.assignment(title=text), hand_in
    return feedback_page(*of, audience=audience, step=step if audience == "staff" else None, members=members)


def hostile_board(text):
    return leaderboard_page(
        [hostile_mark(text), hand_made.not_submitted()],
        hand_made.assignment(),
        names={text: text, "group-09": text},
        baselines=[Baseline(text, 0.5)],
        course=text,
    )


def hostile_cohort(text):
    """The page of a cohort with the text in every string that a person could have written."""
    group = Group.model_construct(
        name=text, members=(Member.model_construct(id=text, name=text, email=text),), repository=text
    )
    of = replace(hostile_mark(text), status=Status.MARKED, provenance={"stages": {"tests": {"t": f"{text} t"}}})
    open_test = replace(of.findings[0], verdict=Verdict.UNKNOWN, points=None, evidence=text)
    withheld = replace(of, status=Status.WITHHELD, findings=(open_test, *of.findings[1:]))
    waiting = {"state": "waits for a person", "reason": text, "later_tips": (text,)}
    rows = [
        (group, cohort_made.submission_of(group, flags=(text,)), of),
        (group, cohort_made.submission_of(group), withheld),
        (group, cohort_made.nothing_of(group, **waiting), replace(of, status=Status.WITHHELD, findings=())),
    ]
    course = cohort_made.course_of([group], roster_problems=(text,))
    events = [cohort_made.event("dispute", text, text, 1)]
    job = JobTimes(text, cohort_made.ID, text, 1.0, 9.0, Phases(fit_s=5.0), 1.0, 0)
    made = cohort_made.made(rows, events, course=course, unmatched=(text,), jobs=(job,))
    mistake = replace(cohort_made.MISTAKE, title=text, advice=text)
    return cohort_made.page_of(made, (mistake,), course=text)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("audience", ["student", "staff"])
def test_a_feedback_page_has_no_script_and_nothing_that_acts(text, audience):
    page = Page(hostile_page(text, audience))
    assert "script" not in page.tags
    assert page.acting() == []


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("page_of", [hostile_board, hostile_cohort])
def test_a_page_that_sorts_has_one_script_and_it_is_medmarks_own(text, page_of):
    page = Page(page_of(text))
    assert page.scripts == [(TEMPLATES / "sort.js").read_text(encoding="utf-8")]
    assert page.tags.count("script") == 1
    assert page.acting() == []


@pytest.mark.parametrize("text", HOSTILE)
def test_no_page_holds_control_direction_or_half_characters(text):
    for html in (hostile_page(text, "staff"), hostile_board(text), hostile_cohort(text)):
        html.encode("utf-8")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", html)


def test_template_language_in_data_is_shown_as_it_is():
    page = Page(hostile_page("{{7*7}}", "staff"))
    assert "{{7*7}}" in page.text
    assert "49" not in page.text


def test_markup_in_data_is_shown_as_it_is():
    assert "<script>window.MM=1</script>" in Page(hostile_page("<script>window.MM=1</script>", "staff")).text


def test_the_positive_control_finds_what_an_unescaped_page_would_do():
    """The parser of these tests does see an attack where there is one."""
    page = Page("<p onclick='x'>a</p><img src=x onerror=y><a href='javascript:1'>b</a><script>1</script>")
    assert page.acting() == ["img", "a", "p onclick", "img src", "img onerror", "a href", "a href=javascript:1"]
    assert page.scripts == ["1"]


def test_a_feedback_page_allows_no_script_at_all():
    policy = Page(feedback_page(hand_made.mark(), hand_made.assignment(), hand_made.hand_in())).policy
    assert policy == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize("page_of", [hostile_board, hostile_cohort])
def test_a_page_that_sorts_allows_exactly_its_own_script(page_of):
    page = Page(page_of("group"))
    digest = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in page.policy
    assert page.policy.startswith("default-src 'none';")
    assert "unsafe-inline'; img-src data:" in page.policy
