"""The repository and the commit in what a person typed into Moodle."""

from __future__ import annotations

import pytest

from graders.course.online_text import OnlineText, read_online_text

SHA = "1a2b3c4d5e6f708192a3b4c5d6e7f80910111213"


@pytest.mark.parametrize(
    ("html", "repository"),
    [
        (f"<p>https://git.example.org/dl/group-01.git {SHA}</p>", "https://git.example.org/dl/group-01.git"),
        ('<a href="https://github.com/dl/u">my work</a>', "https://github.com/dl/u"),
        ('<a href="https://github.com/dl/u">https://github.com/dl/u.git</a>', "https://github.com/dl/u.git"),
        ("See https://github.com/dl/u.", "https://github.com/dl/u"),
        ("(https://github.com/dl/u)", "https://github.com/dl/u"),
        (f"https://github.com/dl/u/tree/{SHA}", "https://github.com/dl/u"),
        (f"https://gitlab.com/a/b/c/-/commit/{SHA}?x=1#y", "https://gitlab.com/a/b/c"),
        ("git@github.com:dl/u.git", "git@github.com:dl/u.git"),
        ("https://github.com/dl/u&nbsp;&amp; more", "https://github.com/dl/u"),
    ],
)
def test_the_address_of_a_repository_is_read(html, repository):
    assert read_online_text(html).repositories == (repository,)


@pytest.mark.parametrize("html", ["", "<p>done</p>", "javascript:alert(1)", "ada@example.org", "<script>1</script>"])
def test_a_text_without_an_address_names_none(html):
    assert read_online_text(html) == OnlineText()


def test_two_repositories_are_two():
    assert len(read_online_text("https://h/a/b https://h/a/c").repositories) == 2


def test_a_commit_is_forty_digits_that_stand_alone():
    assert read_online_text(f"<b>{SHA.upper()}</b>, {SHA}").commits == (SHA,)
    assert read_online_text(SHA + "0" * 24).commits == ()
    assert read_online_text(SHA[:39]).commits == ()


def test_markup_that_never_ends_is_read_to_its_end():
    assert read_online_text("<" * 200_000).repositories == ()
    assert read_online_text("<p <a href='https://h/a/b'").repositories in ((), ("https://h/a/b",))
