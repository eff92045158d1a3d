"""Papers are dealt evenly, alike for the same seed, and never twice; a sample holds what a board asks for."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from assignments.errors import UserError
from graders.course.course import load_course
from graders.marks.allocation import MarkingKey, number_of, read_key, sample, with_first, with_papers, with_second
from tests.graders.marks.hand_made import write_course_of_mlp
from tests.graders.marks.test_deciding import ROSTER

SECRET = b"s" * 32
COMMITS = {f"group-{number:02}": "a" * 40 for number in range(23)}
UK = [Decimal(start) for start in (40, 50, 60, 70)]


def dealt(commits=COMMITS, markers=("ann", "ben", "cyn"), seed=1, key=None):
    key = with_papers(key or MarkingKey(None, "form"), commits, SECRET, "mlp/report")
    return with_first(key, list(markers), SECRET, "mlp/report", seed)


def firsts(key):
    return {paper.group: paper.first for paper in key.papers}


def test_numbers_of_papers_differ_by_one_at_most():
    assert sorted(Counter(firsts(dealt()).values()).values()) == [7, 8, 8]


def test_the_same_seed_deals_alike_and_another_one_does_not():
    assert firsts(dealt()) == firsts(dealt())
    assert firsts(dealt()) != firsts(dealt(seed=2))
    assert {paper.seed for paper in dealt(seed=2).papers} == {"2"}


def test_codes_are_different_and_stay_when_groups_are_added():
    key = dealt(dict(list(COMMITS.items())[:9]))
    assert len({paper.code for paper in key.papers}) == 9
    more = dealt(key=key, seed=5)
    assert more.papers[:9] == key.papers
    assert len({paper.code for paper in more.papers}) == 23
    assert max(Counter(firsts(more).values()).values()) - min(Counter(firsts(more).values()).values()) <= 1


def test_another_commit_of_a_group_is_the_same_paper():
    key = dealt(key=dealt(), commits={**COMMITS, "group-03": "b" * 40})
    assert key.of_group("group-03").commit == "b" * 40
    assert firsts(key) == firsts(dealt())


def test_a_second_marker_is_another_person_and_has_as_many_as_the_others():
    key = with_second(dealt(), dict.fromkeys(COMMITS, "all"), ["ann", "ben", "cyn"], SECRET, "mlp/report")
    assert all(paper.second and paper.second != paper.first for paper in key.papers)
    counts = Counter(paper.second for paper in key.papers).values()
    assert max(counts) - min(counts) <= 2
    again = with_second(key, dict.fromkeys(COMMITS, "other"), ["cyn", "dan"], SECRET, "mlp/report")
    assert again == key


def test_a_second_marker_must_be_another_person():
    with pytest.raises(UserError, match="a second marker must be another person than ann: name two with --markers"):
        with_second(dealt(markers=["ann"]), {"group-01": ""}, ["ann"], SECRET, "mlp/report")


@pytest.mark.parametrize(
    ("text", "number"), [("5", 5), ("500", 40), ("20%", 8), ("0.2", 8), (".21", 9), ("1.0", 40), ("100%", 40), ("0", 0)]
)
def test_a_number_or_a_share_of_forty_papers(text, number):
    assert number_of(text, 40, "--second") == number


@pytest.mark.parametrize("text", ["", "many", "-1", "120%", "1.5", "20 %x"])
def test_what_is_neither_is_refused(text):
    with pytest.raises(UserError, match="write a number of papers such as 10"):
        number_of(text, 40, "--second")


def test_a_sample_holds_every_fail_every_borderline_and_so_many_of_each_class():
    marks = {"f1": 10, "f2": "38.5", "b1": 58, "b2": "69.9", "low": 45, "c1": 72, "c2": 80, "c3": 95, "two": 52}
    percents = {group: Decimal(mark) for group, mark in marks.items()}
    reasons = sample(percents, UK, 1, SECRET, "x")
    assert reasons["f1"] == "a fail"
    assert reasons["f2"] == "within 2 % below 40 %"
    assert (reasons["b1"], reasons["b2"]) == ("within 2 % below 60 %", "within 2 % below 70 %")
    assert reasons["low"] == "drawn from 40 % on"
    assert "two" not in reasons  # b1 is of its class
    assert len({"c1", "c2", "c3"} & set(reasons)) == 1
    assert sample(percents, UK, 1, SECRET, "x") == reasons
    assert set(sample(percents, UK, 3, SECRET, "x")) == set(marks)


def test_the_key_is_read_as_it_was_written_and_names_a_group_that_is_gone(tmp_path):
    write_course_of_mlp(tmp_path, ROSTER, report=10)
    course = load_course(tmp_path)
    empty = read_key(course, SECRET, "mlp", "report")
    assert (empty.papers, len(empty.form)) == ((), 12)
    key = with_first(with_papers(empty, {"g1": "a" * 40, "solo": "b" * 40}, SECRET, "x"), ["ann"], SECRET, "x", 1)
    key.write()
    assert read_key(course, SECRET, "mlp", "report") == key
    assert key.of_code(key.papers[0].code.upper()) == key.papers[0]
    assert read_key(course, SECRET, "mlp", "poster").form != key.form
    assert read_key(course, b"t" * 32, "mlp", "report").form != key.form
    key.path.write_text(key.path.read_text().replace("solo", "g77"))
    with pytest.raises(UserError, match="is the paper of group g77, which is not in the roster"):
        read_key(course, SECRET, "mlp", "report")
