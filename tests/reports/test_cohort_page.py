"""The cohort's page: who needs a person first, every group with its pages, the items, and its size."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from assignments.assignment import Accuracy
from graders.marks.item_analysis import Discrimination, Item
from graders.marks.spending import Spending
from reports.cohort_page import discrimination_text, hint_of
from reports.numbers import duration
from tests.reports.browser import CHROMIUM, Browser
from tests.reports.cohort_made import (
    ID,
    course_of,
    group_of,
    made,
    many,
    mark_of,
    page_of,
    scored,
    submission_of,
    twenty,
)
from tests.reports.hand_made import assignment
from tests.reports.pages import Page


@pytest.fixture(scope="module")
def cohort():
    return twenty()


@pytest.fixture(scope="module")
def html(cohort):
    return page_of(cohort)


def links_of(html):
    return [value for tag, name, value in Page(html).attributes if (tag, name) == ("a", "href")]


def test_who_needs_a_person_comes_first_with_reason_groups_and_command(html):
    text = Page(html).text
    assert text.index("Who needs a person Type the commands") < text.index("Marks Each person counts once")
    assert "Withheld by a failure of the toolkit or the machine engine: the daemon is away 1 group: group-005" in text
    commands = re.findall(r'<code class="command">(.*?)</code>', html)
    plain = [re.sub("<[^>]+>", "", command).replace("&#34;", '"') for command in commands]
    assert f"medmark grade {ID}" in plain
    assert f'medmark decide {ID} late_commit {"a" * 40} --for group-009 --reason "..."' in plain


def test_every_page_of_the_assignment_is_linked(cohort, html):
    links = links_of(html)
    for group in cohort.course.groups:
        assert f"staff/{group.name}.html" in links
        assert f"feedback/{group.name}.html" in links
        for member in group.members:
            assert f"personal/{member.id}.html" in links
    assert {"leaderboard.html", "marksheet.csv", "marksheet.json", "cohort/summary.csv"} <= set(links)


def test_a_group_without_a_mark_has_the_reason_in_its_row(html):
    text = Page(html).text.rpartition("All groups and pages")[2]
    states = re.findall(r"(group-\d+) feedback of group-\d+ — ([A-Z][a-z ]+?) (?:\d|—)", text)
    assert states == [("group-005", "Withheld"), ("group-007", "Not submitted"), ("group-009", "Waiting"),
                      ("group-012", "Marked in part")]  # fmt: skip


def test_a_page_that_need_not_be_there_is_linked_where_it_is(cohort, html):
    beside = {
        "audit.html", "cases/group-003.html", "feedback/versions/group-003-v2.html",
        "feedback/versions/group-003-v10.html", "feedback/versions/group-003-v1-return-31.html",
        "personal/versions/zc003a-v1.html", "feedback/versions/of-a-group-that-left-v1.html",
    }  # fmt: skip
    links = links_of(page_of(cohort, beside=beside))
    assert [link for link in links if link not in links_of(html)] == [
        "audit.html", "feedback/versions/group-003-v1-return-31.html", "feedback/versions/group-003-v2.html",
        "feedback/versions/group-003-v10.html", "cases/group-003.html", "personal/versions/zc003a-v1.html",
    ]  # fmt: skip
    assert not {link for link in links_of(html) if "audit" in link or "cases" in link or "versions" in link}


def test_a_link_within_the_page_leads_somewhere(html):
    page = Page(html)
    ids = {value for _, name, value in page.attributes if name == "id"}
    assert {link[1:] for link in links_of(html) if link.startswith("#")} <= ids
    assert not [id for id in ids if sum((name, value) == ("id", id) for _, name, value in page.attributes) > 1]


def test_the_numbers_at_the_top_are_those_of_the_cohort(html):
    facts = re.findall(r"<dt>(.*?)</dt><dd>(\d+)", html)
    assert dict(facts) == {"groups": "20", "with a commit": "19", "graded": "18", "marked": "16", "in part": "1",
                           "withheld": "1", "waiting": "1", "nothing handed in": "1",
                           "people with their mark returned": "0"}  # fmt: skip
    assert "Feedback due 18 December 2026, 17:00 GMT" in Page(html).text


def test_the_term_names_who_never_had_a_commit_and_who_was_silent(html):
    term = Page(html).text.rpartition("The term")[2].partition("All groups and pages")[0]
    assert "No commit was ever seen of 1 group: group-007" in term
    assert "Silent (no new commit in the two weeks before the due time), 4 groups: group-017 since 26 Oct 2026" in term


def test_an_item_names_the_mistake_that_groups_likely_made(html):
    text = Page(html).text
    assert "1 likely: The sum of two empty masks divides" in text
    assert "Left out, because their code could not be run at all: group-011" in text


def test_without_a_group_without_scores_and_without_a_record_the_page_says_so():
    text = Page(page_of(made([]))).text
    nothing = (
        "Nobody: every group has its mark",
        "Nobody has a whole mark yet",
        "No group has a score yet",
        "Nothing is graded yet",
        "No result of these marks is on record",
        "No collection has seen",
    )
    for words in nothing:
        assert words in text
    only_tests = assignment(criterion=[{"id": "report", "kind": "person", "points": 10}])
    group = group_of(1)
    text = Page(page_of(made([], of=only_tests, course=course_of([group])))).text
    assert "Metric by group" not in text
    assert "Leaderboard" not in text


def test_marks_of_an_earlier_medmark_have_no_phases_and_the_page_says_so(cohort):
    earlier = replace(cohort.record.spending, phases=(), jobs=0)
    text = Page(page_of(replace(cohort, record=replace(cohort.record, spending=earlier)))).text
    assert "The phases are not on record: an earlier medmark marked these groups." in text
    assert "none" not in text.rpartition("What marking took")[2].partition("The term")[0]
    nothing = Page(page_of(replace(cohort, record=replace(cohort.record, spending=Spending())))).text
    assert "No result of these marks is on record." in nothing


def test_what_gpus_were_used_for_is_shown_beside_the_cpu_time(cohort):
    spending = cohort.record.spending
    name, own = next(iter(spending.groups.items()))
    used = replace(own, gpu_peak_mb=5120.0, gpu_busy_s=90.0)
    held = replace(spending, gpu_s=600.0, gpu_busy_s=90.0, gpu_peak_mb=5120.0, groups={**spending.groups, name: used})
    text = Page(page_of(replace(cohort, record=replace(cohort.record, spending=held)))).text
    costs = text.rpartition("What marking took")[2].partition("The term")[0]
    assert "GPU time held 10 min" in costs
    assert "of it busy 90 s" in costs
    assert "GPU memory at most 5.0 GB" in costs
    assert "GPU 90 s, 5.0 GB" in text.rpartition("All groups and pages")[2]
    unmeasured = replace(spending, gpu_s=600.0)
    text = Page(page_of(replace(cohort, record=replace(cohort.record, spending=unmeasured)))).text
    assert "of it busy not measured GPU memory at most not measured" in text


def test_the_same_record_gives_the_same_page(cohort, html):
    assert page_of(cohort) == html


def test_the_board_of_examiners_is_named_until_it_has_confirmed(cohort, html):
    assert "subject to the board of examiners" in Page(html).text
    assert "subject to the board" not in Page(page_of(cohort, ratified=True)).text


@pytest.mark.parametrize("count", [500])
def test_the_page_of_500_groups_is_under_2_mb(count):
    page = page_of(many(count))
    assert len(page.encode()) < 2_000_000
    assert sum(link.startswith("staff/") for link in set(links_of(page))) == count


@pytest.mark.parametrize("count", [20, 40])
def test_every_score_is_a_dot_once(count):
    cohort = many(count)
    scores = sum(any(f.score is not None for f in mark.findings) for mark in cohort.results.marks)
    section = page_of(cohort).partition('<section id="metric">')[2].partition("</section>")[0]
    assert section.count('class="dot"') == scores
    assert section.count('class="span') == scores


def test_of_several_accuracies_each_has_a_figure():
    criteria = [criterion.model_dump(by_alias=True) for criterion in assignment().criteria]
    second = {**criteria[1], "id": "edges", "metric": "hd95", "points": 30, "caps": [], "anchors": {
        "trivial": 15.0, "pass": 12.0, "merit": 8.0, "distinction": 6.0, "reference": 5.0, "ceiling": 2.0}}  # fmt: skip
    of = assignment(criterion=[criteria[0], criteria[1], second])
    group = group_of(1)
    mark = mark_of(group, report="20")
    edges = replace(scored(7.0, half=1.0), id="edges/hd95", criterion="edges")
    mark = replace(mark, findings=(*mark.findings[:-1], edges))
    html = page_of(made([(group, submission_of(group), mark)], of=of))
    assert sum(isinstance(criterion, Accuracy) for criterion in of.criteria) == 2
    assert html.count('class="dot-rows"') == 3  # the marks, and two metrics
    assert "7.00" in html  # two decimals for a distance in mm


def item(facility, value=None, interval=None, **more):
    found = Discrimination(40, value, interval, None if value is not None else "alike")
    return Item("test_x.py::test_a", "hidden_test", "It holds.", Decimal(5), 40, facility, found, **more)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (item(0.0), "No group earns anything: look at this item"),
        (item(1.0), "Every group has all of it"),
        (item(0.5, -0.4, (-0.6, -0.1)), "Who is better at the rest does worse here: look at this item"),
        (item(0.5, -0.1, (-0.4, 0.2)), "which may be chance"),
        (item(0.5, 0.0, (-0.3, 0.3)), ""),
        (item(0.5, 0.4, (0.1, 0.6)), ""),
        (item(0.5), ""),
        (item(None, void=True), "Void by a decision"),
    ],
)
def test_an_item_that_tells_nobody_apart_or_the_wrong_ones_is_to_be_looked_at(of, words):
    assert words in hint_of(of)
    assert bool(hint_of(of)) == bool(words)


def test_a_correlation_has_its_interval_or_the_reason_why_there_is_none():
    assert discrimination_text(Discrimination(40, 0.416, (0.3149, 0.517))) == ("0.42", "0.31 to 0.52")
    assert discrimination_text(Discrimination(40, -0.1, (-0.4, 0.2))) == ("\u22120.10", "\u22120.40 to 0.20")
    assert discrimination_text(Discrimination(9, why="few")) == ("none: fewer than 10 groups", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.04, "0 s"), (4.25, "4.3 s"), (74.4, "74 s"), (120, "2 min"), (7199, "120 min"), (42000, "11.7 h")],
)
def test_a_time_has_two_or_three_figures(seconds, text):
    assert duration(seconds) == text


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_the_table_of_groups_sorts_by_any_column_and_reads_without_scripts(html, tmp_path):
    page = tmp_path / "index.html"
    page.write_text(html, encoding="utf-8")
    names = "[...document.querySelectorAll('#board tbody th bdi')].map(cell => cell.textContent)"
    click = "[...document.querySelectorAll('#board thead button')].find(b => b.textContent === '{}').click()"
    with Browser() as browser:
        browser.open(page)
        assert browser.run(names)[:3] == ["group-001", "group-002", "group-003"]
        browser.run(click.format("Mark, %"))
        assert browser.run(names)[0] == "group-014"  # 77.4 %, the best
        assert browser.console == []
        browser.open(page, scripts=False)
        browser.open(page, scripts=False)
        assert len(browser.run(names)) == 20
        assert browser.run("document.querySelectorAll('button').length") == 0
