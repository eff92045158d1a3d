"""Who committed: of a mirror of ours, bounded, whatever the group's repository holds."""

import os
import shutil
import subprocess
import time
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from graders.course.roster import Member
from graders.intake import changed_lines, history
from graders.intake.changed_lines import Changed
from graders.intake.clone import fetch
from graders.intake.hardened_git import Reach
from graders.intake.history import Author, history_of
from tests.graders.intake.repositories import ENVIRONMENT, at, git, make, push

FILES = Reach(allow_file=True)
ADA, ALAN = "Ada Lovelace <ada@ucl.ac.uk>", "Alan <alan@home.example>"
MEMBERS = [
    Member.model_construct(id="s1", name="Ada Lovelace", email="Ada@UCL.ac.uk"),
    Member.model_construct(id="s2", name="Alan Turing", email="alan@ucl.ac.uk"),
]


@pytest.fixture
def theirs(tmp_path):
    folder = tmp_path / "their.git"
    make(folder)
    return folder


def mirrored(theirs, commit):
    mirror = theirs.parent / "mirror"
    fetch(mirror, theirs.as_uri(), "main", commit, at("12:00"), FILES)
    return mirror


def read(theirs, commit, **more):
    return history_of(mirrored(theirs, commit), commit, **more)


def test_commits_are_counted_by_author_with_the_dates_they_say(theirs):
    push(theirs, {"a": "1"}, author=ADA, date="1768471200 +0000")
    push(theirs, {"a": "2"}, author=ALAN, date="1768557600 +0200")
    commit = push(theirs, {"a": "3"}, author=ADA, date="1768644000 +0000")
    found = read(theirs, commit)
    first, second, third = (datetime(2026, 1, day, 10, tzinfo=UTC) for day in (15, 16, 17))
    assert found.authors == (
        Author("Ada Lovelace", "ada@ucl.ac.uk", 2, first, third, Changed(2, 1), counted=2),
        Author("Alan", "alan@home.example", 1, second, second, Changed(1, 1), counted=1),
    )
    assert (found.commits, found.first, found.last, found.unread, found.older) == (3, first, third, 0, False)
    assert (found.changed, found.counted, found.uncounted, found.merges) == (Changed(3, 2), 3, 0, 0)


def test_only_what_leads_to_the_commit_that_counts_is_read(theirs):
    first = push(theirs, {"a": "1"}, author=ADA)
    later = push(theirs, {"a": "2"}, author=ALAN)
    mirror = mirrored(theirs, later)
    assert history_of(mirror, first).commits == 1
    assert history_of(mirror, later).commits == 2


def test_an_address_tells_a_member_or_a_name_that_one_member_alone_has(theirs):
    push(theirs, {"a": "1"}, author="someone <ADA@ucl.ac.uk>")
    push(theirs, {"a": "2"}, author="alan  turing <12345+at@users.noreply.github.com>")
    commit = push(theirs, {"a": "3"}, author="Grace <g@ucl.ac.uk>")
    whose = read(theirs, commit).of(MEMBERS)
    assert {id: [author.name for author in authors] for id, authors in whose.items()} == {
        "s1": ["someone"], "s2": ["alan  turing"], "": ["Grace"],
    }  # fmt: skip
    twins = [Member.model_construct(id=id, name="Alan Turing", email=f"{id}@ucl.ac.uk") for id in ("s2", "s3")]
    assert {author.name for author in read(theirs, commit).of(twins)[""]} == {"someone", "alan  turing", "Grace"}


def test_a_name_is_found_however_its_letters_are_composed(theirs):
    roster, commits = (unicodedata.normalize(form, "Zoë Ångström") for form in ("NFC", "NFD"))
    zoe = Member.model_construct(id="s3", name=roster, email="z@ucl.ac.uk")
    whose = read(theirs, push(theirs, {"a": "1"}, author=f"{commits} <home@b.c>")).of([zoe])
    assert [author.name for author in whose["s3"]] == [commits]


def test_who_has_no_address_and_no_name_yet_is_not_who_commits_without_one(theirs):
    commit = raw(theirs, b"author  <> 1768471200 +0000", COMMITTER)
    unfinished = Member.model_construct(id="s3", name="", email="")
    whose = read(theirs, commit).of([unfinished])
    assert (whose["s3"], len(whose[""])) == ((), 1)


def test_what_is_not_there_is_not_known_and_not_empty(theirs):
    mirror = mirrored(theirs, push(theirs, {"a": "1"}))
    assert history_of(mirror, "1" * 40) is None
    assert history_of(mirror, "--all") is None
    assert history_of(mirror.parent / "none", "1" * 40) is None


def test_a_long_history_is_cut_at_the_newest_commits_and_says_so(theirs, monkeypatch):
    monkeypatch.setattr(history, "COMMITS", 3)
    for number in range(4):
        author, date = f"a{number} <a{number}@b.c>", f"{1768471200 + number} +0000"
        commit = push(theirs, {"a": str(number)}, author=author, date=date)
    found = read(theirs, commit)
    assert [author.name for author in found.authors] == ["a3", "a2", "a1"]
    assert found.older


def test_a_large_commit_is_counted_and_not_read(theirs):
    push(theirs, {"a": "1"}, message="x" * 1_000_000)
    found = read(theirs, push(theirs, {"a": "2"}))
    assert (found.commits, found.unread) == (1, 1)


def test_when_the_time_is_over_the_rest_is_unread(theirs):
    push(theirs, {"a": "1"})
    found = read(theirs, push(theirs, {"a": "2"}), read_s=-1)
    assert (found.authors, found.commits, found.unread, found.first) == ((), 0, 2, None)


def test_of_lines_that_are_not_counted_it_says_how_many_commits_they_are_of(theirs, monkeypatch):
    push(theirs, {"a": "1"}, author=ADA)
    commit = push(theirs, {str(number): "1" for number in range(3)}, author=ALAN)
    late = read(theirs, commit, count_s=-1)
    assert (late.commits, late.counted, late.crowded, late.uncounted) == (2, 0, 0, 2)
    monkeypatch.setattr(changed_lines, "FILES", 2)
    found = read(theirs, commit)
    assert [(author.name, author.counted) for author in found.authors] == [("Alan", 0), ("Ada Lovelace", 1)]
    assert (found.counted, found.crowded, found.uncounted) == (1, 1, 0)


def raw(theirs, *lines):
    """A commit of these lines as they stand, on no parent; nothing of ours checks them."""
    tree = git(f"--git-dir={theirs}", "mktree", "--missing")
    made = subprocess.run(
        ["git", f"--git-dir={theirs}", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
        input=f"tree {tree}\n".encode() + b"\n".join(lines) + b"\n\nWork\n",
        env=ENVIRONMENT, check=True, capture_output=True,
    )  # fmt: skip
    commit = made.stdout.decode().strip()
    git(f"--git-dir={theirs}", "update-ref", "refs/heads/main", commit)
    return commit


COMMITTER = b"committer A <a@b.c> 1768471200 +0000"


@pytest.mark.parametrize(
    "encoding", [b"rot13", b"zlib_codec", b"no-such", b"undefined", b"punycode", b"idna", b"\xff", b"\x1b[2J"]
)
def test_an_encoding_that_a_commit_claims_raises_nothing_and_prints_nothing(theirs, encoding, capfd):
    commit = raw(theirs, b"author A\xe9 <a@b.c> 1768471200 +0000", COMMITTER, b"encoding " + encoding)
    found = read(theirs, commit)
    assert found.commits + found.unread == 1
    assert "".join(capfd.readouterr()) == ""


def test_no_commit_takes_long_to_read(theirs):
    """What is quadratic or worse in the length of a line stays short of a commit's cap."""
    for line in (b"1 " * 8000, b"a <" * 5000, b"9" * 16000, b"-" * 15000):
        commit = raw(theirs, b"author " + line + b"<a@b.c> 1768471200 +0000", COMMITTER, b"encoding punycode")
        begun = time.process_time()
        found = read(theirs, commit)
        assert found.commits + found.unread == 1
        assert time.process_time() - begun < 2


def test_what_a_person_may_write_is_short_and_has_no_control_characters(theirs):
    name = "A\x1b[2J" + "\u0301" * 500
    commit = raw(theirs, f"author {name} <a\x07@b.c> 99999999999999999 +0000".encode(), COMMITTER)
    (author,) = read(theirs, commit).authors
    assert author.name == ("A [2J" + "\u0301" * 500)[: history.AUTHOR_CHARACTERS]
    assert author.email == "a @b.c"
    assert author.first is None


def test_git_reads_by_our_settings_alone_and_talks_to_nobody(theirs, tmp_path, monkeypatch):
    """Every git that reads a history: its words and the settings that its environment names."""
    real, log, bin = shutil.which("git"), tmp_path / "log", tmp_path / "bin"
    mirror = mirrored(theirs, commit := push(theirs, {"a": "1"}))
    bin.mkdir()
    keys = "$GIT_CONFIG_NOSYSTEM $GIT_CONFIG_GLOBAL $HOME $GIT_TERMINAL_PROMPT"
    (bin / "git").write_text(f'#!/bin/sh\necho "{keys} | $*" >> {log}\nexec {real} "$@"\n')
    (bin / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin}:{os.environ['PATH']}")
    (tmp_path / "gitconfig").write_text("[core]\n\tpager = touch canary\n\tfsmonitor = touch canary\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.chdir(tmp_path)
    assert history_of(mirror, commit).commits == 1
    ran = [line.split(" | ") for line in log.read_text().splitlines() if "| version" not in line]
    assert {settings for settings, _ in ran} == {"1 /dev/null /dev/null 0"}
    verbs = [next(word for word in words.split() if word in ("rev-list", "cat-file", "diff-tree")) for _, words in ran]
    assert sorted(set(verbs)) == ["cat-file", "diff-tree", "rev-list"]
    assert not (tmp_path / "canary").exists()


def test_settings_attributes_and_hooks_of_a_repository_are_not_in_the_mirror(theirs, tmp_path):
    """The mirror's own files are those of an innocent repository, so there is nothing of the group's to heed."""
    innocent = tmp_path / "innocent" / "their.git"
    innocent.parent.mkdir()
    make(innocent)
    plain = mirrored(innocent, push(innocent, {"a": "1"}))
    with (theirs / "config").open("a") as file:
        file.write("[core]\n\tpager = touch canary\n[diff]\n\texternal = touch canary\n[log]\n\tshowSignature = true\n"
                   '[diff "x"]\n\ttextconv = touch canary\n[gpg]\n\tprogram = canary\n')  # fmt: skip
    for name in ("info/attributes", "hooks/post-checkout", "info/grafts"):
        (theirs / name).parent.mkdir(exist_ok=True)
        (theirs / name).write_text("* diff=x filter=x\n")
    files = {".gitattributes": "* diff=x filter=x\n", ".mailmap": "Nobody <n@b.c> <ada@ucl.ac.uk>\n", "a": "1"}
    commit = push(theirs, files)
    mirror = mirrored(theirs, commit)
    assert history_of(mirror, commit).authors[0].name == "Ada"

    def ours(folder):
        paths = [path for path in Path(folder).rglob("*") if path.is_file()]
        told = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
        return {name: text for name, text in told.items() if not name.startswith(("objects/pack/", "refs/medmark/"))}

    assert ours(mirror) == ours(plain)
    assert "attributes" not in " ".join(ours(mirror))


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("253370764799 +0000", datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("253402300799 +0000", None),  # the last second of the year 9999, which is one of 10000 in Tokyo
        ("99999999999999999999 +0000", None),
        ("-5 +0000", None),  # GitPython makes 1970 of a date that it cannot read
        ("yesterday", None),
    ],
)
def test_a_date_that_not_every_place_can_write_is_not_known(theirs, written, told):
    (author,) = read(theirs, raw(theirs, f"author A <a@b.c> {written}".encode(), COMMITTER)).authors
    assert (author.first, author.last, author.commits) == (told, told, 1)
    if told:
        told.astimezone(ZoneInfo("Pacific/Kiritimati"))
