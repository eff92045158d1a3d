"""A marker's page names nobody, and stays a page where a group is called like a tag."""

from __future__ import annotations

import re

from graders.course.roster import Group, Member
from graders.runs.paper_copies import names_in
from reports.marker_folders import _without
from reports.names import telling

BODY = Group(
    name="body",
    members=(
        Member(id="zcabc07", name="Ada King O'Byron", email="ada@example.org"),
        Member(id="x1", name="Li Wu", email="li@example.org"),
    ),
    repository="https://git.example.org/body",
)


def test_names_go_from_the_text_and_tags_stay():
    pattern = re.compile("|".join(map(re.escape, ("body", "O&#39;Byron"))), re.IGNORECASE)
    page = "<style>body { margin: 0 }</style><body class='body'><p>Body, by O&#39;Byron</p></body>"
    assert _without(pattern, page) == (
        "<style>body { margin: 0 }</style><body class='body'><p>[name], by [name]</p></body>"
    )


def test_group_repository_and_all_of_its_people_tell_whose_a_page_is():
    assert set(telling(BODY)) == {
        "body", "https://git.example.org/body", "zcabc07", "Ada King O'Byron", "ada@example.org", "x1", "Li Wu",
        "li@example.org",
    }  # fmt: skip


def test_names_in_a_text_are_those_of_the_group_as_whole_words():
    text = "By ADA  king\nO'Byron (zcabc07) of somebody, with wuthering"
    assert list(names_in(text, BODY)) == ["Ada King O'Byron", "zcabc07", "O'Byron"]
    assert list(names_in("body", BODY)) == ["body"]
    assert list(names_in("Nothing tells.", BODY)) == []
