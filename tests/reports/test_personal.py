"""A personal page shows each step from the group's mark to the person's, and nothing of anyone else."""

import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from graders.marks.mark import BY_DECISION, Status
from graders.marks.personal import Adjustment, PersonalMark
from reports.feedback import HandIn
from reports.next_step import NextStep, Todo, next_step
from reports.personal import OfGroup, percent_text, personal_page
from reports.write import write_reports
from tests.reports.hand_made import accuracy, assignment, hand_in, mark, not_submitted, person
from tests.reports.hostile import HOSTILE
from tests.reports.pages import Page
from tests.reports.test_pages_are_safe import hostile_mark
from tests.reports.test_write import groups

LATE = Adjustment(
    "late", "Due 15 Jan 2027, 12:00 GMT, first seen 18 Jan 2027, 09:30:00 GMT: 1 working day late.",
    Fraction("63.9279"), Fraction("53.9279"), "ucl-2024: up to 2 working days late: 10 percentage points less",
)  # fmt: skip
PEERS = Adjustment(
    "peer_factor", "Your peers' factor is 0.934.", Fraction("68.4453"), Fraction("63.9279"), "event 6, by prof", 6
)
OWN = Adjustment("agreed_mark", "Your own points: report 21 of 30.", None, Fraction("68.4453"), "event 5, by prof", 5)


def personal(**changes):
    values = {
        "assignment": "prostate_unet", "group": "group-07", "member": "s1", "status": Status.MARKED,
        "percent": Decimal("53.9"), "points": Decimal("53.9"), "out_of": Decimal(100), "pass_mark": 40, "level": 6,
        "trace": (OWN, PEERS, LATE),
    }  # fmt: skip
    return PersonalMark(**values | changes)


def of_group(**more):
    """The part of the group, whose work has 68.4 of 100."""
    whole = more.pop("mark", mark())
    values = {"mark": whole, "step": next_step(whole, assignment()), "page": "../feedback/group-07.html"}
    return OfGroup(**values | {"hand_in": hand_in(course="Deep learning")} | more)


def page_html(person=None, name="Ada", group=None, **more):
    return personal_page(person or personal(), assignment(), name, group or of_group(), **more)


def page_of(person=None, **more):
    return Page(page_html(person, **more))


def read(person=None, **more):
    return page_of(person, **more).text


def hostile_personal(text):
    """A mark with the text in every string that a person may have written."""
    trace = tuple(Adjustment(text, text, Fraction(50), Fraction(40), text) for _ in range(2))
    person = personal(group=text, member=text, assignment=text, trace=trace, disputes=(text, text))
    words = dict.fromkeys(("name", "repository", "branch", "seen_at", "due", "why", "board_name", "course"), text)
    whole = hostile_mark(text)
    step = NextStep((Todo(text, text, text),), text, text, worth=text)
    group = of_group(mark=whole, step=step, hand_in=HandIn(**words, problems=(text,)))
    return personal_page(person, assignment(title=text), text, group, due=text, version=2, correction=text)


def test_every_step_stands_on_the_page_in_its_order_with_both_marks_and_its_reason():
    text = read()
    steps = [
        "Your own points: report 21 of 30. no mark → 68.45 % event 5, by prof",
        "Your peers' factor is 0.934. 68.45 % → 63.93 % event 6, by prof",
        "1 working day late. 63.93 % → 53.93 % ucl-2024: up to 2 working days late: 10 percentage points less",
    ]
    positions = [text.index(step) for step in steps]
    assert positions == sorted(positions)
    assert "in per cent, rounded once at the end" in text


def test_the_mark_stands_once_in_points_and_with_its_class():
    assert "53.9 of 100" in read()
    assert "Lower second class" in read()
    assert "53.9 %" not in read()  # the same number again
    ninety = read(personal(out_of=Decimal(90), points=Decimal("48.5")))
    assert "48.5 of 90" in ninety
    assert "53.9 %" in ninety


@pytest.mark.parametrize(("pass_mark", "band"), [(40, "Third class"), (50, "Fail")])
def test_the_class_goes_by_the_persons_own_pass_mark_which_is_said(pass_mark, band):
    text = read(personal(percent=Decimal("49.9"), points=Decimal("49.9"), pass_mark=pass_mark))
    assert f"Pass mark {pass_mark} %" in text
    assert band in text


def test_a_page_is_provisional_until_ratified():
    assert "Provisional, subject to the board of examiners." in read()
    assert "rovisional" not in read(ratified=True)


@pytest.mark.parametrize(
    ("status", "said"),
    [(Status.WITHHELD, "Withheld"), (Status.NOT_SUBMITTED, "Not submitted"), (Status.INCOMPLETE, "Marked in part")],
)
def test_without_a_mark_its_state_is_said_and_never_a_zero_or_a_class(status, said):
    text = read(personal(status=status, percent=None, points=None, trace=()))
    assert said in text
    assert "of 100" not in text
    assert "Fail" not in text
    assert "rovisional" in text


@pytest.mark.parametrize(
    ("status", "whole", "said"),
    [
        (Status.INCOMPLETE, mark(person=person()), "So far your group's work has 47.4 of the 70 points marked; 30 are"),
        (Status.WITHHELD, mark(accuracy=accuracy(None, None, None)), "the marking system failed, not your work"),
        (Status.NOT_SUBMITTED, not_submitted(), "That is not a mark of zero."),
    ],
)
def test_why_there_is_no_mark_is_said_in_words(status, whole, said):
    assert said in read(personal(status=status, percent=None, points=None, trace=()), group=of_group(mark=whole))


def test_while_it_is_open_which_commit_counts_that_is_said():
    waiting = of_group(mark=replace(not_submitted(), status=Status.WITHHELD), hand_in=hand_in(why="the host was down"))
    text = read(personal(status=Status.WITHHELD, percent=None, points=None, trace=()), group=waiting)
    assert "No mark yet. The host was down. You lose nothing by it." in text


def test_while_a_decision_cannot_be_read_no_number_of_the_group_is_shown():
    line = Adjustment("held", "A decision about this mark cannot be read.", None, None, "event 4")
    text = read(personal(status=Status.WITHHELD, percent=None, points=None, trace=(line,)))
    assert "There is no mark for now, for the reason below." in text
    assert not re.search("68|[Nn]ext step|group-07.html", text)


def test_how_the_mark_follows_is_said_in_words_and_begins_with_the_groups():
    text = read()
    assert "The mark of your group's work is 68.4 of 100. The steps below lead, in this order, to your mark." in text
    assert "The mark of the group's work. 68.4 % Your own points" in text
    assert "It is the mark of your work, 68.4 of 100." in read(personal(trace=()), group=of_group(alone=True))
    assert "group's" not in read(group=of_group(alone=True))  # nobody else is in it


def test_the_next_step_stands_in_one_line_with_the_way_to_the_groups_page():
    html = page_html()
    assert (
        "Your next step Mend this check first: dice_loss of two empty masks is 0, not NaN (1 check, 5 points)."
        in Page(html).text
    )
    assert '<a href="../feedback/group-07.html">' in html
    assert "look for group-07.html among the pages that you received" in Page(html).text


@pytest.mark.parametrize("status", BY_DECISION)
def test_whoever_has_no_mark_by_a_decision_reads_no_number_and_no_step_of_the_group(status):
    text = read(
        personal(status=status, percent=None, points=None, trace=(Adjustment("held", "It is so.", None, None, ""),))
    )
    assert "A decision leaves no mark here. That is not a mark of zero." in text
    assert "next step" not in text
    assert not re.search("68|group-07.html", text)


def test_the_course_the_due_time_of_the_person_and_the_time_seen_stand_on_the_page():
    text = read(
        due="22 January 2027, 12:00 GMT", group=of_group(hand_in=hand_in(course="Deep learning", due="15 January"))
    )
    assert "Deep learning · Personal: for Ada alone" in text
    assert "Due 22 January 2027, 12:00 GMT Seen 2026-11-20 16:58 UTC" in text


def test_a_mark_of_zero_is_a_mark():
    text = read(personal(percent=Decimal("0.0"), points=Decimal("0.0")))
    assert "0 of 100" in text
    assert "Fail" in text


def test_a_corrected_page_says_its_version_and_why():
    text = read(version=2, correction="Corrected on 2027-02-01: `test_same` was void")
    assert "Version 2. Corrected on 2027-02-01: test_same was void" in text
    assert "Version" not in read()


def test_disputes_are_shown():
    text = read(personal(disputes=("event 3, dispute by prof: the third test (is wrong)",)))
    assert "Disputed event 3, dispute by prof: the third test (is wrong)" in text
    assert "Disputed" not in read()


def test_without_a_step_there_is_no_list_of_steps():
    assert "How it follows" not in read(personal(trace=()))


@pytest.mark.parametrize(
    ("exact", "shown"),
    [
        (None, "no mark"), (Fraction(0), "0 %"), (Fraction(100), "100 %"), (Fraction("62.5"), "62.5 %"),
        (Fraction(200, 3), "66.67 %"), (Fraction("39.945"), "39.95 %"), (Fraction("39.9449"), "39.94 %"),
    ],
)  # fmt: skip
def test_a_step_is_shown_to_two_places_rounded_half_up(exact, shown):
    assert percent_text(exact) == shown


def test_each_page_holds_its_own_person_and_nobody_else(tmp_path):
    group = groups("group-07")[0]
    ada, alan = (group.members[0].model_copy(update={"id": id, "name": name}) for id, name in
                 (("s1", "Ada Canary"), ("s2", "Alan Robin")))  # fmt: skip
    group = group.model_copy(update={"members": (ada, alan)})
    reason = "illness-of-the-robin"
    people = [
        personal(),
        personal(member="s2", percent=Decimal("31.2"), trace=(replace(LATE, why=reason),), disputes=("of the robin",)),
        personal(member="s3", percent=Decimal("68.4"), points=Decimal("68.4"), trace=()),
    ]
    written = write_reports(tmp_path, assignment(), [mark()], [group], {}, {"group-07": "Amber Heron"}, people=people)
    pages = {member: path.read_text(encoding="utf-8") for member, path in written.personal.items()}
    assert set(pages) == {"s1", "s2", "s3"}  # everyone has one, also without a step of their own
    assert "Ada Canary" in pages["s1"]
    assert "It is the mark of your group's work, 68.4 of 100. Nothing was added" in Page(pages["s3"]).text
    assert not re.search("Canary|Robin|illness|53.9|31.2", pages["s3"])
    for of_other in ("Robin", "robin", "s2", "31.2", "s3"):
        assert of_other not in Page(pages["s1"]).text
    assert "Ada" not in pages["s2"]
    for path in (*written.feedback.values(), written.leaderboard):
        assert not re.search("Canary|Robin|illness|working day late", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", [*HOSTILE, "W" * 3000])
def test_hostile_text_is_text_and_nothing_on_the_page_acts(text):
    html = hostile_personal(text)
    html.encode("utf-8")
    page = Page(html)
    assert "script" not in page.tags
    assert page.acting() == []
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", html)
    plain = Page(hostile_personal("a"))
    assert [tag for tag in page.tags if tag != "code"] == plain.tags


def test_hostile_text_is_shown_as_it_is_with_a_mark_for_what_cannot_be_seen():
    times = Page(hostile_personal("canary")).text.count("canary")
    assert times == 19
    assert Page(hostile_personal("<script>window.MM=1</script>")).text.count("<script>window.MM=1</script>") == times
    assert "gpj.\ufffdgnp" in Page(hostile_personal("gpj.\u202egnp")).text
    assert "\ufffd[2J\ufffd[H PASSED" in Page(hostile_personal("\x1b[2J\x1b[H PASSED")).text
    assert "{{7*7}}" in Page(hostile_personal("{{7*7}}")).text


def test_the_page_loads_nothing_and_allows_no_script():
    assert page_of().policy == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
