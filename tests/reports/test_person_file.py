"""One person's file: their own page and the group's, without a link that leads out of it, and nothing of others."""

import io
import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pypdf
import pytest

from assignments.errors import UserError
from graders.marks.mark import BY_DECISION, Status
from graders.marks.personal import Adjustment
from graders.marks.versions import Versions
from reports import pages as pages_module
from reports import person_file as module
from reports.page import policy
from reports.pages import Pages
from reports.pdf import NoPdfError
from reports.person_file import person_file, person_files
from tests.reports.hand_made import accuracy, assignment, check, hand_in, mark
from tests.reports.hostile import HOSTILE
from tests.reports.pages import Page
from tests.reports.test_pages import group_of
from tests.reports.test_pages_are_safe import hostile_mark
from tests.reports.test_personal import personal

MEMBERS = (("s1", "Ada Canary"), ("s2", "Alan Robin"))
PRIVATE = Adjustment("late", "Extended to 9 February.", Fraction(40), Fraction(30), "SORA-4711")


def pages_of(whole=None, people=None, members=MEMBERS, **more):
    whole = whole or mark()
    own = [personal(group=whole.group, member=id) for id, _ in members] if people is None else people
    hand_ins = {whole.group: hand_in(name=whole.group, **more)}
    return Pages(assignment(), [whole], [group_of(whole.group, *members)], hand_ins, {whole.group: "Amber Heron"}, own,
                 Versions(), course="Deep learning")  # fmt: skip


def file_of(whole):
    """The HTML of a person's file, whose mark has the status of their group's."""
    marked = {} if whole.status is Status.MARKED else {"status": whole.status, "percent": None, "points": None}
    pages = pages_of(whole, [personal(trace=(), **marked)])
    return person_files(pages)["s1"].data.decode()


def html_of(pages, member="s1"):
    return person_files(pages)[member].data.decode()


def values(page, name, tag=None):
    return [value for each, attribute, value in page.attributes if attribute == name and tag in (None, each)]


def test_the_file_says_what_the_persons_page_says_and_then_what_the_groups_page_says():
    pages = pages_of()
    own, work = Page(pages.of_person(pages.people[0])).text, Page(pages.of_group(mark())).text
    text = Page(html_of(pages)).text
    hint = " If this link opens nothing, look for group-07.html among the pages that you received."
    assert hint in own
    own = own.replace("The group's page says", "The group's page , below, says").replace(hint, "")
    title = "Prostate segmentation in T2 MRI"
    work = work.strip().removeprefix(f"{title} · group-07 ").replace(title, "Feedback on the work", 1)
    assert text.split() == f"{own} {work}".split()


def test_its_only_link_leads_to_the_groups_page_in_the_same_file():
    page = Page(html_of(pages_of()))
    assert values(page, "href") == ["#group"]
    assert values(page, "id", "article") == ["group"]
    assert page.acting() == []


def test_every_id_is_there_once_and_every_reference_has_its_id():
    open_part = Status.INCOMPLETE
    shown = mark(person=None, checks=(check("a", "It is 0.", None, 35),), accuracy=accuracy())
    for whole in (mark(), replace(shown, status=open_part, points=Decimal(40))):
        html = html_of(pages_of(whole, problems=("A pointer.",)))
        page = Page(html)
        ids = Counter(values(page, "id"))
        assert max(ids.values()) == 1
        refers = [*values(page, "aria-labelledby"), *re.findall(r"url\(#([\w-]+)\)", html)]
        assert len(refers) >= 3
        assert set(refers) <= set(ids)


def test_it_is_one_page_with_one_policy_and_runs_nothing():
    page = Page(html_of(pages_of()))
    assert page.policy == policy()
    assert {tag for tag in ("script", "link", "img", "iframe") if tag in page.tags} == set()
    assert [page.tags.count(tag) for tag in ("html", "head", "title", "style", "body", "main", "h1", "footer")] == [
        1
    ] * 8


def test_the_styles_of_a_groups_page_hold_those_of_a_persons_so_that_one_copy_serves():
    pages = pages_of()
    own, work = (re.search(r"<style>(.*?)</style>", html, re.S)[1].strip()
                 for html in (pages.of_person(pages.people[0]), pages.of_group(mark())))  # fmt: skip
    assert work.startswith(own)


def test_nothing_of_another_member_is_in_it():
    other = personal(
        member="s2", percent=Decimal("31.2"), points=Decimal("31.2"), trace=(PRIVATE,), disputes=("mine!",)
    )
    files = person_files(pages_of(people=[personal(member="s1", trace=()), other]))
    first, second = (files[id].data.decode() for id in ("s1", "s2"))
    canaries = ("Alan Robin", "s2", "31.2", "9 February", "SORA-4711", "mine!")
    assert [word for word in canaries if word in first] == []
    assert [word for word in canaries if word not in second] == []
    assert "Ada Canary" not in second


def test_what_only_staff_may_read_is_not_in_it():
    secret = check("a", "It is 0.", 0, 35, reason="raised", evidence="canary-1", cause_detail="canary-2")
    html = html_of(pages_of(mark(checks=(secret,)), flags=("canary-3",)))
    assert "canary" not in html


@pytest.mark.parametrize("status", BY_DECISION)
def test_whoever_has_no_mark_by_a_decision_gets_no_number_of_the_group(status):
    no_mark = personal(status=status, percent=None, points=None, trace=())
    pages = pages_of(people=[no_mark])
    assert html_of(pages) == pages.of_person(no_mark, link="#group")
    assert "68.4" not in html_of(pages)
    assert values(Page(html_of(pages)), "href") == []


def test_whoever_has_a_mark_that_cannot_be_read_gets_none_either():
    pages = pages_of(people=[personal(status=Status.WITHHELD, percent=None, points=None, trace=())])
    assert "68.4" not in html_of(pages)


def test_a_group_without_a_mark_still_reads_its_page():
    withheld = mark(accuracy=accuracy(None, None, None))
    assert "Feedback" in Page(file_of(withheld)).text


@pytest.mark.parametrize("text", [*HOSTILE, "</main><main>", "</style><style>", '<article id="group">'])
def test_whatever_a_student_wrote_is_text_and_moves_no_part_of_the_page(text):
    whole = hostile_mark(text)
    trace = (Adjustment(text, text, Fraction(50), Fraction(40), text),)
    person = personal(group=text, member=text, trace=trace, disputes=(text,))
    pages = pages_of(whole, [person], [(text, text)], repository=text, why=text, problems=(text,))
    page = Page(html_of(pages, text))
    assert page.acting() == []
    assert "script" not in page.tags
    assert page.tags.count("main") == page.tags.count("style") == 1
    assert values(page, "id").count("group") == 1


def test_a_groups_page_is_rendered_once_for_all_its_members(monkeypatch):
    rendered = []
    once = pages_module.feedback_page
    monkeypatch.setattr(pages_module, "feedback_page", lambda *of, **more: rendered.append(of) or once(*of, **more))
    assert len(person_files(pages_of())) == 2
    assert len(rendered) == 1


def test_equal_marks_give_equal_bytes_and_each_file_is_reported():
    seen = []
    first = person_files(pages_of(), on_file=lambda *told: seen.append(told))
    assert first == person_files(pages_of())
    assert seen == [(0, 2, "s1"), (1, 2, "s2")]


# As PDF


def test_a_pdf_has_both_pages_and_names_nobody_else():
    file = person_files(pages_of(members=MEMBERS[:1]), pdf=True)["s1"]
    assert file.suffix == ".pdf"
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(file.data)).pages)
    assert "Ada Canary" in text
    assert "Upper second class" in text  # the group's
    assert "Lower second class" in text


def test_a_page_that_weasyprint_fails_on_stays_html(monkeypatch):
    def fails(html):
        raise NoPdfError("no")

    monkeypatch.setattr(module, "as_pdf", fails)
    assert person_files(pages_of(), pdf=True) == person_files(pages_of())


def test_without_weasyprint_nothing_is_rendered(monkeypatch):
    def fails():
        raise UserError("pip install 'medmark[pdf]'")

    monkeypatch.setattr(module, "check_pdf", fails)
    monkeypatch.setattr(module, "person_file", None)
    with pytest.raises(UserError, match="medmark"):
        person_files(pages_of(), pdf=True)


def test_one_file_is_made_of_the_pages_it_is_given():
    pages = pages_of()
    assert person_file(pages, pages.people[0], pages.of_group(mark())) == html_of(pages)
