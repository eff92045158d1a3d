"""Who committed: read from medmark's mirror, within limits, whatever the group's repository holds."""

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
def repository(tmp_path):
    folder = tmp_path / "their.git"
    make(folder)
    return folder


def mirrored(repository, commit):
    mirror = repository.parent / "mirror"
    fetch(mirror, repository.as_uri(), "main", commit, at("12:00"), FILES)
    return mirror


def read(repository, commit, **more):
    return history_of(mirrored(repository, commit), commit, **more)


def test_commits_are_counted_by_author_with_their_own_dates(repository):
    push(repository, {"a": "1"}, author=ADA, date="1768471200 +0000")
    push(repository, {"a": "2"}, author=ALAN, date="1768557600 +0200")
    commit = push(repository, {"a": "3"}, author=ADA, date="1768644000 +0000")
    log = read(repository, commit)
    first, second, third = (datetime(2026, 1, day, 10, tzinfo=UTC) for day in (15, 16, 17))
    assert log.authors == (
        Author("Ada Lovelace", "ada@ucl.ac.uk", 2, first, third, Changed(2, 1), counted=2),
        Author("Alan", "alan@home.example", 1, second, second, Changed(1, 1), counted=1),
    )
    assert (log.commits, log.first, log.last, log.unread, log.older) == (3, first, third, 0, False)
    assert (log.changed, log.counted, log.uncounted, log.merges) == (Changed(3, 2), 3, 0, 0)


def test_only_what_leads_to_the_commit_that_counts_is_read(repository):
    first = push(repository, {"a": "1"}, author=ADA)
    later = push(repository, {"a": "2"}, author=ALAN)
    mirror = mirrored(repository, later)
    assert history_of(mirror, first).commits == 1
    assert history_of(mirror, later).commits == 2


def test_an_address_identifies_a_member_or_a_name_that_only_one_member_has(repository):
    push(repository, {"a": "1"}, author="someone <ADA@ucl.ac.uk>")
    push(repository, {"a": "2"}, author="alan  turing <12345+at@users.noreply.github.com>")
    commit = push(repository, {"a": "3"}, author="Grace <g@ucl.ac.uk>")
    whose = read(repository, commit).of(MEMBERS)
    assert {id: [author.name for author in authors] for id, authors in whose.items()} == {
        "s1": ["someone"], "s2": ["alan  turing"], "": ["Grace"],
    }  # fmt: skip
    twins = [Member.model_construct(id=id, name="Alan Turing", email=f"{id}@ucl.ac.uk") for id in ("s2", "s3")]
    assert {author.name for author in read(repository, commit).of(twins)[""]} == {"someone", "alan  turing", "Grace"}


def test_a_name_is_found_however_its_letters_are_composed(repository):
    roster, commits = (unicodedata.normalize(form, "Zoë Ångström") for form in ("NFC", "NFD"))
    zoe = Member.model_construct(id="s3", name=roster, email="z@ucl.ac.uk")
    whose = read(repository, push(repository, {"a": "1"}, author=f"{commits} <home@b.c>")).of([zoe])
    assert [author.name for author in whose["s3"]] == [commits]


def test_who_has_no_address_and_no_name_yet_is_not_who_commits_without_one(repository):
    commit = raw(repository, b"author  <> 1768471200 +0000", COMMITTER)
    unfinished = Member.model_construct(id="s3", name="", email="")
    whose = read(repository, commit).of([unfinished])
    assert (whose["s3"], len(whose[""])) == ((), 1)


def test_what_is_not_there_is_unknown_and_not_empty(repository):
    mirror = mirrored(repository, push(repository, {"a": "1"}))
    assert history_of(mirror, "1" * 40) is None
    assert history_of(mirror, "--all") is None
    assert history_of(mirror.parent / "none", "1" * 40) is None


def test_a_long_history_is_cut_at_the_newest_commits_and_says_so(repository, monkeypatch):
    monkeypatch.setattr(history, "COMMITS", 3)
    for number in range(4):
        author, date = f"a{number} <a{number}@b.c>", f"{1768471200 + number} +0000"
        commit = push(repository, {"a": str(number)}, author=author, date=date)
    log = read(repository, commit)
    assert [author.name for author in log.authors] == ["a3", "a2", "a1"]
    assert log.older


def test_a_large_commit_is_counted_and_not_read(repository):
    push(repository, {"a": "1"}, message="x" * 1_000_000)
    log = read(repository, push(repository, {"a": "2"}))
    assert (log.commits, log.unread) == (1, 1)


def test_when_the_time_is_over_the_rest_is_unread(repository):
    push(repository, {"a": "1"})
    log = read(repository, push(repository, {"a": "2"}), read_s=-1)
    assert (log.authors, log.commits, log.unread, log.first) == ((), 0, 2, None)


def test_it_says_of_how_many_commits_the_lines_were_not_counted(repository, monkeypatch):
    push(repository, {"a": "1"}, author=ADA)
    commit = push(repository, {str(number): "1" for number in range(3)}, author=ALAN)
    late = read(repository, commit, count_s=-1)
    assert (late.commits, late.counted, late.crowded, late.uncounted) == (2, 0, 0, 2)
    monkeypatch.setattr(changed_lines, "FILES", 2)
    log = read(repository, commit)
    assert [(author.name, author.counted) for author in log.authors] == [("Alan", 0), ("Ada Lovelace", 1)]
    assert (log.counted, log.crowded, log.uncounted) == (1, 1, 0)


def raw(repository, *lines):
    """A commit of these lines as they stand, on no parent; medmark does not check them."""
    tree = git(f"--git-dir={repository}", "mktree", "--missing")
    written = subprocess.run(
        ["git", f"--git-dir={repository}", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
        input=f"tree {tree}\n".encode() + b"\n".join(lines) + b"\n\nWork\n",
        env=ENVIRONMENT, check=True, capture_output=True,
    )  # fmt: skip
    commit = written.stdout.decode().strip()
    git(f"--git-dir={repository}", "update-ref", "refs/heads/main", commit)
    return commit


COMMITTER = b"committer A <a@b.c> 1768471200 +0000"


@pytest.mark.parametrize(
    "encoding", [b"rot13", b"zlib_codec", b"no-such", b"undefined", b"punycode", b"idna", b"\xff", b"\x1b[2J"]
)
def test_an_encoding_that_a_commit_claims_raises_nothing_and_prints_nothing(repository, encoding, capfd):
    commit = raw(repository, b"author A\xe9 <a@b.c> 1768471200 +0000", COMMITTER, b"encoding " + encoding)
    log = read(repository, commit)
    assert log.commits + log.unread == 1
    assert "".join(capfd.readouterr()) == ""


def test_no_commit_takes_long_to_read(repository):
    """What is quadratic or worse in the length of a line stays short of a commit's cap."""
    for line in (b"1 " * 8000, b"a <" * 5000, b"9" * 16000, b"-" * 15000):
        commit = raw(repository, b"author " + line + b"<a@b.c> 1768471200 +0000", COMMITTER, b"encoding punycode")
        begun = time.process_time()
        log = read(repository, commit)
        assert log.commits + log.unread == 1
        assert time.process_time() - begun < 2


def test_what_a_person_may_write_is_short_and_has_no_control_characters(repository):
    name = "A\x1b[2J" + "\u0301" * 500
    commit = raw(repository, f"author {name} <a\x07@b.c> 99999999999999999 +0000".encode(), COMMITTER)
    (author,) = read(repository, commit).authors
    assert author.name == ("A [2J" + "\u0301" * 500)[: history.AUTHOR_CHARACTERS]
    assert author.email == "a @b.c"
    assert author.first is None


def test_git_reads_by_medmarks_settings_alone_and_contacts_nobody(repository, tmp_path, monkeypatch):
    """Every git that reads a history: its words and the settings that its environment names."""
    real, log, bin = shutil.which("git"), tmp_path / "log", tmp_path / "bin"
    mirror = mirrored(repository, commit := push(repository, {"a": "1"}))
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


def test_settings_attributes_and_hooks_of_a_repository_are_not_in_the_mirror(repository, tmp_path):
    """The mirror's own files are those of an innocent repository, so there is nothing of the group's to heed."""
    innocent = tmp_path / "innocent" / "their.git"
    innocent.parent.mkdir()
    make(innocent)
    plain = mirrored(innocent, push(innocent, {"a": "1"}))
    with (repository / "config").open("a") as file:
        file.write("[core]\n\tpager = touch canary\n[diff]\n\texternal = touch canary\n[log]\n\tshowSignature = true\n"
                   '[diff "x"]\n\ttextconv = touch canary\n[gpg]\n\tprogram = canary\n')  # fmt: skip
    for name in ("info/attributes", "hooks/post-checkout", "info/grafts"):
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text("* diff=x filter=x\n")
    files = {".gitattributes": "* diff=x filter=x\n", ".mailmap": "Nobody <n@b.c> <ada@ucl.ac.uk>\n", "a": "1"}
    commit = push(repository, files)
    mirror = mirrored(repository, commit)
    assert history_of(mirror, commit).authors[0].name == "Ada"

    def own_files(folder):
        paths = [path for path in Path(folder).rglob("*") if path.is_file()]
        texts = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
        return {name: text for name, text in texts.items() if not name.startswith(("objects/pack/", "refs/medmark/"))}

    assert own_files(mirror) == own_files(plain)
    assert "attributes" not in " ".join(own_files(mirror))


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("253370764799 +0000", datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("253402300799 +0000", None),  # the last second of the year 9999, which is one of 10000 in Tokyo
        ("99999999999999999999 +0000", None),
        ("-5 +0000", None),  # GitPython makes 1970 of a date that it cannot read
        ("yesterday", None),
    ],
)
def test_a_date_that_not_every_timezone_can_write_is_unknown(repository, written, date):
    (author,) = read(repository, raw(repository, f"author A <a@b.c> {written}".encode(), COMMITTER)).authors
    assert (author.first, author.last, author.commits) == (date, date, 1)
    if date:
        date.astimezone(ZoneInfo("Pacific/Kiritimati"))
