"""A personal page shows each step from the group's mark to the person's, and nothing of anyone else."""

import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from graders.marks.mark import Status
from graders.marks.personal import Adjustment, PersonalMark
from reports.personal import percent_text, personal_page
from reports.write import write_reports
from tests.reports.hand_made import assignment, mark
from tests.reports.hostile import HOSTILE
from tests.reports.pages import Page
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


def page_html(person=None, name="Ada", **more):
    return personal_page(person or personal(), assignment(), name, **more)


def page_of(person=None, **more):
    return Page(page_html(person, **more))


def read(person=None, **more):
    return page_of(person, **more).text


def hostile_personal(text):
    """A mark with the text in every string that a person may have written."""
    trace = tuple(Adjustment(text, text, Fraction(50), Fraction(40), text) for _ in range(2))
    person = personal(group=text, member=text, assignment=text, trace=trace, disputes=(text, text))
    return personal_page(person, assignment(title=text), text, version=2, correction=text)


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
        personal(member="s3", trace=()),  # nothing personal, and no page
    ]
    written = write_reports(tmp_path, assignment(), [mark()], [group], {}, {"group-07": "Amber Heron"}, people=people)
    pages = {member: path.read_text(encoding="utf-8") for member, path in written.personal.items()}
    assert set(pages) == {"s1", "s2"}
    assert "Ada Canary" in pages["s1"]
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
    plain = page_of(personal(trace=(OWN, PEERS), disputes=("a", "b")), version=2, correction="a")
    assert [tag for tag in page.tags if tag != "code"] == plain.tags


def test_hostile_text_is_shown_as_it_is_with_a_mark_for_what_cannot_be_seen():
    assert Page(hostile_personal("<script>window.MM=1</script>")).text.count("<script>window.MM=1</script>") == 13
    assert "gpj.\ufffdgnp" in Page(hostile_personal("gpj.\u202egnp")).text
    assert "\ufffd[2J\ufffd[H PASSED" in Page(hostile_personal("\x1b[2J\x1b[H PASSED")).text
    assert "{{7*7}}" in Page(hostile_personal("{{7*7}}")).text


def test_the_page_loads_nothing_and_allows_no_script():
    assert page_of().policy == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
