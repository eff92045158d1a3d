"""The pages of a group and of its members lead to each other, wherever they lie, and name nobody to others."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from graders.course.roster import Group, Member
from graders.marks.mark import Status
from graders.marks.versions import ReturnedPage, Versions
from graders.record.ledger import Event
from graders.record.snapshots import RecordedMark, Snapshot
from reports.feedback import HandIn
from reports.pages import Pages
from reports.write import write_reports
from tests.reports.hand_made import assignment, check, mark
from tests.reports.hostile import HOSTILE
from tests.reports.pages import Page
from tests.reports.test_personal import personal

SO_FAR = "The last commit seen so far; a later one will count instead"


def group_of(name, *members):
    people = tuple(Member.model_construct(id=id, name=named, email=f"{id}@b.ac.uk") for id, named in members)
    return Group.model_construct(name=name, members=people, repository="https://example.org/x.git")


def returned(group="group-07"):
    """The versions after one return to s1 of a group."""
    event = Event("2027-02-01T10:00:00+00:00", "prof", "prostate_unet", "returned", "", "", number=7)
    whole = RecordedMark(group, "4f0c", "marked", Decimal("68.4"), 40, 6)
    page = ReturnedPage(whole, (Snapshot(event, {"s1": whole}),))
    return Versions(people={"s1": page}, groups={group: page})


def written(folder, *, group="group-07", people=None, members=(("s1", "Ada Canary"), ("s2", "Alan Robin")), **more):
    own = [personal(group=group, member=id, trace=()) for id, _ in members] if people is None else people
    hand_ins = more.pop("hand_ins", {})
    marks = [more.pop("mark", mark(group))]
    names = {group: "Amber Heron"}
    return write_reports(
        folder, assignment(), marks, [group_of(group, *members)], hand_ins, names, people=own, **more
    )  # fmt: skip


def links(path):
    """The files that a page links to, as a browser resolves them."""
    page = Page(path.read_text(encoding="utf-8"))
    return [(path.parent / value).resolve() for tag, name, value in page.attributes if (tag, name) == ("a", "href")]


def test_everyone_has_a_page_that_leads_to_the_groups_and_staff_come_from_the_group_to_everyone(tmp_path):
    reports = written(tmp_path)
    assert set(reports.personal) == {"s1", "s2"}
    assert links(reports.personal["s1"]) == [reports.feedback["group-07"].resolve()]
    assert links(reports.staff["group-07"]) == [reports.personal[id].resolve() for id in ("s1", "s2")]
    assert links(reports.feedback["group-07"]) == []


@pytest.mark.parametrize("name", [*HOSTILE, "CON", "a" * 300])
def test_links_hold_for_any_name_and_nothing_of_it_is_an_address(name):
    person = personal(group=name, member=name, trace=())
    values = (assignment(), [mark(name)], [group_of(name, (name, name))], {}, {name: "A"}, [person])
    pages = Pages(*values, Versions())
    own, staff = Page(pages.of_person(person)), Page(pages.of_group(mark(name), "staff"))
    assert own.acting() == staff.acting() == []
    assert ("a", "href", f"../feedback/{pages.group_files[name]}") in own.attributes
    assert ("a", "href", f"../personal/{pages.member_files[name]}") in staff.attributes


def test_a_returned_version_leads_to_the_version_that_was_returned_with_it(tmp_path):
    reports = written(tmp_path, versions=returned())
    first = reports.personal["s1"].parent / "versions/s1-v1.html"
    assert links(first) == [(reports.feedback["group-07"].parent / "versions/group-07-v1.html").resolve()]
    assert links(first)[0].is_file()
    text = first.read_bytes()
    written(tmp_path, versions=returned(), mark=mark(checks=(check("a", "It is 0.", 0, 35, reason="raised"),)))
    assert first.read_bytes() == text
    assert not (first.parent / "s2-v1.html").exists()  # nothing was returned to s2


def test_names_and_marks_of_members_are_on_the_pages_of_staff_alone(tmp_path):
    other = personal(member="s2", percent=Decimal("31.2"), points=Decimal("31.2"), trace=())
    same = personal(member="s1", percent=Decimal("68.4"), points=Decimal("68.4"), trace=())
    reports = written(tmp_path, people=[same, other])
    staff = Page(reports.staff["group-07"].read_text(encoding="utf-8")).text
    assert "Ada Canary s1 68.4 of 100 Alan Robin s2 31.2 of 100 Another mark than the group's" in staff
    for path in (reports.feedback["group-07"], reports.leaderboard):
        assert not re.search("Canary|Robin|31\\.2|personal/", path.read_text(encoding="utf-8"))


def test_staff_read_why_a_member_has_no_mark(tmp_path):
    held = personal(member="s1", status=Status.HELD, percent=None, points=None, trace=())
    text = Page(written(tmp_path, people=[held]).staff["group-07"].read_text(encoding="utf-8")).text
    assert "Ada Canary s1 Held Another mark than the group's" in text


@pytest.mark.parametrize("final", [{"versions": returned()}, {"ratified": True}])
def test_on_a_final_page_no_later_commit_will_count(tmp_path, final):
    hand_ins = {"group-07": HandIn("group-07", provisional=True, why=SO_FAR)}
    page = written(tmp_path, hand_ins=hand_ins).feedback["group-07"]
    assert SO_FAR in page.read_text(encoding="utf-8")
    page = written(tmp_path, hand_ins=hand_ins, **final).feedback["group-07"]
    assert SO_FAR not in page.read_text(encoding="utf-8")
    assert "The last commit seen when these marks were returned" in page.read_text(encoding="utf-8")


def test_the_courses_title_and_each_persons_due_time_stand_on_their_pages(tmp_path):
    due = {"s1": "22 January 2027, 12:00 GMT"}
    hand_ins = {"group-07": HandIn("group-07", due="15 January 2027, 12:00 GMT", seen_at="14 January 2027, 09:30 GMT")}
    reports = written(tmp_path, course="Deep learning 2027", due=due, hand_ins=hand_ins)
    pages = [*reports.personal.values(), *reports.feedback.values(), *reports.staff.values(), reports.leaderboard]
    assert all("Deep learning 2027" in path.read_text(encoding="utf-8") for path in pages)
    first, second = (reports.personal[id].read_text(encoding="utf-8") for id in ("s1", "s2"))
    assert "Due 22 January 2027, 12:00 GMT" in first
    assert "Due 15 January 2027, 12:00 GMT" in second
    assert "Seen 14 January 2027, 09:30 GMT" in first
    assert "22 January" not in reports.feedback["group-07"].read_text(encoding="utf-8")


def test_the_next_step_of_a_person_is_that_of_their_group(tmp_path):
    reports = written(tmp_path)
    step = "Mend this check first: <code>dice_loss</code> of two empty masks is 0, not NaN"
    assert step in reports.personal["s2"].read_text(encoding="utf-8")
    title = "<code>dice_loss</code> of two empty masks is 0, not NaN."
    assert title in reports.feedback["group-07"].read_text(encoding="utf-8")


def test_what_only_staff_may_read_is_on_their_page_alone(tmp_path):
    secret = check("a", "It is 0.", 0, 35, reason="raised", evidence="canary-1", cause_detail="canary-2")
    reports = written(tmp_path, mark=mark(checks=(secret,)), hand_ins={"group-07": HandIn("g", flags=("canary-3",))})
    for path in (*reports.feedback.values(), *reports.personal.values(), reports.leaderboard):
        assert "canary" not in path.read_text(encoding="utf-8")
    staff = reports.staff["group-07"].read_text(encoding="utf-8")
    assert "canary-1" in staff
    assert "canary-3" in staff


def test_the_pages_are_made_of_their_values_alone():
    values = (assignment(), [mark()], [group_of("group-07", ("s1", "Ada"))], {}, {"group-07": "A"}, [personal()])
    first, second = (Pages(*values, Versions()) for _ in range(2))
    assert first.of_person(personal()) == second.of_person(personal())
    assert Path(first.group_files["group-07"]).name == "group-07.html"
