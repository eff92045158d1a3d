"""Class G: repositories that attack the program that looks at, fetches or writes them. git is the real one."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from graders.course.course import load_course
from graders.intake import hardened_git
from graders.intake.checkout import Caps, CheckoutResult, tree_of, write_files
from graders.intake.clone import Look, fetch, look
from graders.intake.hardened_git import MEMORY_MB, GitFailed, Reach, folder_bytes
from tests.attacks import hostile_host
from tests.attacks.course import RIGHT, Attacked, attacked, solution
from tests.attacks.hostile_host import HostileHost, replying, without_end
from tests.graders.intake.repositories import ENVIRONMENT, Link, Module, at, git, make, push
from tests.graders.intake.test_collect import Hall
from tests.small_course import medmark

FILES = Reach(allow_file=True, timeout_s=30)
CANARY = "canary-of-the-host"
TOKEN = "s3cret-read-token"


def plain_git(*words: str | Path, cwd: Path | None = None, timeout: float = 30, **environment: str) -> int:
    """git as a script would call it, without a guard: what a control does."""
    done = subprocess.run(
        ["git", *map(str, words)], cwd=cwd, env={**os.environ, **environment}, capture_output=True, check=False,
        timeout=timeout,
    )  # fmt: skip
    return done.returncode


def cloned(their: Path, into: Path, *words: str) -> Path:
    plain_git("clone", "--quiet", *words, their.as_uri(), into)
    return into


@dataclass(frozen=True)
class Fetched:
    """What medmark made of a repository: the files it wrote, or why it wrote none."""

    out: Path
    written: CheckoutResult | None
    refused: str = ""
    mirror: Path = Path()

    @property
    def names(self) -> list[str]:
        return sorted(p.relative_to(self.out).as_posix() for p in self.out.rglob("*") if not p.is_dir())

    @property
    def feedback(self) -> str:
        return "\n".join([*self.written.problems, *self.written.flags]) if self.written else self.refused


def write_repository(folder: Path, their: Path, branch: str | None = None, caps: Caps | None = None) -> Fetched:
    """Look, fetch, list and write, as `collect` and `grade` do."""
    reach = FILES
    out, mirror = folder / "out", folder / "mirror"
    result = look(their.as_uri(), branch, reach)
    if result.commit is None:
        return Fetched(out, None, f"{result.how}: {result.detail}")
    try:
        tip = fetch(mirror, their.as_uri(), result.branch, result.commit, at("12:00"), reach)
        written = write_files(mirror, tree_of(mirror, tip, "", reach), out, caps or Caps(), reach)
    except GitFailed as failure:
        return Fetched(out, None, failure.feedback, mirror)
    return Fetched(out, written, mirror=mirror)


def put(their: Path, kind: str, body: bytes) -> str:
    """Any object, however malformed."""
    return subprocess.run(
        ["git", f"--git-dir={their}", "hash-object", "-t", kind, "--literally", "-w", "--stdin"],
        input=body, capture_output=True, check=True, env=ENVIRONMENT,
    ).stdout.decode().strip()  # fmt: skip


def tree(*entries: tuple[bytes, bytes, str]) -> bytes:
    return b"".join(mode + b" " + name + b"\0" + bytes.fromhex(id) for mode, name, id in entries)


def commit(their: Path, root: str, branch: str = "main") -> str:
    who = b"A <a@example.org> 1768471200 +0000\n"
    commit_id = put(their, "commit", b"tree " + root.encode() + b"\nauthor " + who + b"committer " + who + b"\nx\n")
    git(f"--git-dir={their}", "update-ref", f"refs/heads/{branch}", commit_id)
    return commit_id


# The real path: a course of hostile repositories whose solutions are right


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    """Marked without a container: nothing here attacks from inside."""
    folder = tmp_path_factory.mktemp("hostile") / "course"
    marker = folder.parent / "marker"
    secret = folder.parent / "secret.txt"
    secret.write_text(CANARY)
    links = {name: Link(to) for name, to in {
        "target/notes.txt": str(secret), "target/hid": "../../../hidden", "target/rootdir": "/", "up": "..",
        "target/weights": str(folder.parent), "target/environ": "/proc/self/environ", "target/nowhere": "/no/where",
        "target/helper.py": str(secret), "target/itself": "itself",
    }.items()}  # fmt: skip
    modules = "".join(
        f'[submodule "{name}"]\n path = {name}\n url = {url}\n'
        for name, url in {
            "x": f"file://{folder}/repositories/honest", "y": f"ext::sh -c touch% {marker}",
        }.items()
    )  # fmt: skip
    hook = f"#!/bin/sh\ntouch {marker}\n"
    inner = {
        "HEAD": "ref: refs/heads/main\n", "objects/x": "", "refs/heads/x": "", "hooks/post-checkout": hook,
        "config": "[core]\n repositoryformatversion = 0\n bare = false\n worktree = ..\n"
        f' fsmonitor = "touch {marker}"\n',
    }  # fmt: skip
    groups = {
        "honest": solution(RIGHT),
        "links": {**solution(RIGHT + "# links\n"), **links},
        "modules": {**solution(RIGHT + "# modules\n"), ".gitmodules": modules, "x": Module(), "target/y": Module()},
        "inner": {**solution(RIGHT + "# inner\n"), **{f"target/sub/{name}": text for name, text in inner.items()}},
        "copy": {**solution(RIGHT.replace("\n", "\r\n")), "README.md": "All of it is our own work.\n"},
        "calendar": solution(RIGHT + "# calendar\n"),
        "many": {**solution(RIGHT + "# many\n"), **{f"target/{n}/conftest.py": "" for n in range(200)}},
    }

    def before(course: Path) -> None:
        files = groups["calendar"]
        push(course / "repositories/calendar", files, date="253402300799 +1400", author="Other Student <o@ucl.ac.uk>",
             message="\x1b[2J Grade: A\u2028  counts  everything")  # fmt: skip

    return attacked(folder, groups, sandbox="local", before=before)


def checkout(course: Attacked, group: str) -> Path:
    (result,) = (course.folder / ".medmark/checkouts/target" / group).glob("*/*/")
    return result


@pytest.mark.attack("G01", "links to files, folders, /proc and nowhere, also where medmark expects a folder of its own")
def test_links_lead_nowhere(course, attack, tmp_path):
    clone = cloned(course.folder / "repositories/links", tmp_path / "clone")
    attack.fired((clone / "target/notes.txt").read_text() == CANARY, "in a plain clone the link reads the host's file")
    files = [path for path in checkout(course, "links").rglob("*") if not path.is_dir()]
    attack.came_to(f"{len(files)} file written, {course.points('links'):g} points, the links told with their cure")
    assert [path.name for path in files] == ["solution.py"]
    assert not any(path.is_symlink() for path in checkout(course, "links").rglob("*"))
    assert CANARY.encode() not in course.in_the_open()
    assert course.points("links") == course.points("honest") > 90
    page = (course.folder / "reports/target/feedback/links.html").read_text(encoding="utf-8")
    assert "links are not followed" in page
    assert CANARY not in page


@pytest.mark.attack("G03", "submodules: file://, ext::, ssh with an option for a host, a name with ../..")
def test_submodules_are_not_fetched(course, attack, tmp_path):
    their, marker = tmp_path / "their.git", tmp_path / "marker"
    script = tmp_path / "run"
    script.write_text(f"#!/bin/sh\ntouch {marker}\n")
    script.chmod(0o755)
    make(their, {"x": Module(), ".gitmodules": f'[submodule "x"]\n path = x\n url = ext::{script}\n'})
    plain_git("-c", "protocol.ext.allow=always", "-c", "protocol.file.allow=always", "clone", "--quiet",
              "--recurse-submodules", their.as_uri(), tmp_path / "clone")  # fmt: skip
    attack.fired(marker.exists(), "a recursive clone that allows ext:: runs the submodule's address")
    marks = course.marks["modules"]
    attack.came_to(f"{course.points('modules'):g} points; submodules told, .gitmodules flagged")
    assert not (course.folder.parent / "marker").exists()
    assert course.points("modules") == course.points("honest")
    for name, url in (("../..", "https://h/x"), ("z", "-oProxyCommand=touch/x")):
        their = tmp_path / str(len(name)) / "their.git"
        their.parent.mkdir()
        make(their, {"x": Module(), ".gitmodules": f'[submodule "{name}"]\n path = x\n url = {url}\n'})
        assert write_repository(their.parent, their).feedback.startswith("the repository's history is malformed")
    assert "submodule" in (course.folder / "reports/target/feedback/modules.html").read_text(encoding="utf-8")
    assert marks["commit"]


@pytest.mark.attack("G04", "a repository inside the tree, with hooks, fsmonitor and a work tree of its choice")
def test_a_repository_in_the_tree_is_never_entered(course, attack, tmp_path):
    marker = course.folder.parent / "marker"
    clone = cloned(course.folder / "repositories/inner", tmp_path / "clone")
    assert not marker.exists(), "the course itself has run it"
    (clone / "target/sub/refs/heads/x").unlink()
    plain_git("status", cwd=clone / "target/sub")
    attack.fired(marker.exists(), "git status inside the shipped folder runs its fsmonitor")
    marker.unlink()
    attack.came_to(f"{course.points('inner'):g} points; flagged as a Git repository")
    assert course.points("inner") == course.points("honest")
    assert "holds sub/ (a Git repository)" in course.marks["inner"]["provenance"]["flags"]
    assert not marker.exists()


@pytest.mark.attack("G10", "hands in another group's work, line ends changed and a file added")
def test_a_copy_is_listed_for_staff(course, attack):
    attack.fired(
        course.points("copy") == course.points("honest")
        and course.marks["copy"]["commit"] != course.marks["honest"]["commit"],
        "the copy earns the same, and its commit is another",
    )
    flags = course.marks["copy"]["provenance"]["flags"]
    attack.came_to(f"staff read: {', '.join(flags)}")
    assert "solution.py equals that of honest" in flags
    assert "solution.py equals that of copy" in course.marks["honest"]["provenance"]["flags"]
    assert "honest, copy: solution.py is the same" in course.outputs["grade"].out
    assert b"equals that of" not in course.in_the_open()
    staff = (course.folder / "reports/target/staff/copy.html").read_text(encoding="utf-8")
    assert "solution.py equals that of honest" in staff


@pytest.mark.attack("G17", "one commit dated beyond the calendar, to stop the marking of all groups")
def test_a_date_stops_no_course(course, attack):
    from git import Repo

    with Repo(course.folder / "repositories/calendar") as repository, pytest.raises(OverflowError) as caught:
        _ = repository.commit(course.marks["calendar"]["commit"]).authored_datetime
    attack.fired(caught.type is OverflowError, "GitPython raises OverflowError, which nobody expects of it")
    attack.came_to(f"all {len(course.marks)} groups marked, this one {course.points('calendar'):g} points")
    assert {name: mark["status"] for name, mark in course.marks.items()} == dict.fromkeys(course.marks, "marked")
    assert course.points("calendar") == course.points("honest")


@pytest.mark.attack("G18", "200 files that deserve a flag each, to bury the others")
def test_flags_are_counted_and_not_listed_without_end(course, attack):
    attack.fired(len(list((checkout(course, "many")).rglob("conftest.py"))) == 200, "200 such files are there")
    flags = course.marks["many"]["provenance"]["flags"]
    attack.came_to(f"{len(flags)} flags, the last: {flags[-1]}")
    assert len(flags) == 11
    assert "holds 190 more like these" in flags


# What git would do on the way


@pytest.mark.attack("G05", "filters, LFS, ident, export-subst, working-tree-encoding and eol rewrite what is marked")
def test_attributes_change_no_byte(attack, tmp_path):
    their, marker = tmp_path / "their.git", tmp_path / "marker"
    files = {
        ".gitattributes": "* filter=x diff=x ident export-subst\n*.txt text eol=crlf\n"
        "*.u working-tree-encoding=UTF-16\n",
        ".lfsconfig": "[lfs]\n url = http://127.0.0.1:9/x\n",
        "a.txt": "one\ntwo\n", "b.u": "text\n", "c.py": "# $Id$\n",
        "weights/w.pt": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
    }  # fmt: skip
    make(their, files)
    clone = cloned(their, tmp_path / "clone", "-c", f"filter.x.smudge=touch {marker}; cat")
    changed = [name for name in ("a.txt", "b.u", "c.py") if (clone / name).read_bytes() != files[name].encode()]
    attack.fired(marker.exists() and len(changed) == 3, f"a plain clone runs the filter and rewrites {changed}")
    marker.unlink()
    result = write_repository(tmp_path, their)
    attack.came_to("every byte as committed; pointer told, attributes flagged")
    assert {name: (result.out / name).read_text() for name in result.names} == {
        name: text for name, text in files.items() if name != "weights/w.pt"
    }
    assert not marker.exists()
    assert "Git LFS pointer: weights/w.pt" in result.feedback
    assert "holds .gitattributes" in result.feedback
    assert "holds .lfsconfig" in result.feedback


@pytest.mark.attack("G11", "replace refs, grafts and tags put other files in a commit's place")
def test_nothing_is_replaced(attack, tmp_path):
    their = tmp_path / "their.git"
    honest = make(their, {"solution.py": "honest\n"})
    other = push(their, {"solution.py": "other\n"}, "side")
    git(f"--git-dir={their}", "replace", honest, other)
    git(f"--git-dir={their}", "tag", "main", other)
    (their / "info").mkdir(exist_ok=True)
    (their / "info/grafts").write_text(f"{honest} {other}\n")
    seen = subprocess.run(
        ["git", f"--git-dir={their}", "show", "refs/heads/main:solution.py"], capture_output=True, check=True
    )
    attack.fired(seen.stdout == b"other\n", "git show of the commit prints the other file")
    result = write_repository(tmp_path, their, "main")
    attack.came_to((result.out / "solution.py").read_text().strip())
    assert (result.out / "solution.py").read_text() == "honest\n"
    assert not (result.mirror / "info/grafts").exists()
    assert not (result.mirror / "objects/info/alternates").exists()
    assert list((result.mirror / "refs").rglob("replace")) == []


ODD = (
    "-rf", "--help", "--upload-pack=x", "$(touch m)", ";touch m", "a\nb", "c\x1b[31m", "d\\e", "f:g", "h\u202etxt.py",
    "i\u200b", "\udcff\udcfe", "k" * 255, "l\x7f", "m*", 'n"', "`o`", "q|r", "<s>", "t\tu", "v\u2028w",
)  # fmt: skip


@pytest.mark.attack("G06", "names that are options, commands, control codes, no text, or longer than a disk takes")
def test_odd_names_are_reported_and_not_written(attack, tmp_path):
    their = tmp_path / "their.git"
    make(their, {"solution.py": "", **dict.fromkeys(ODD, "x"), "e/" * 2000 + "deep": "x"})
    clone = cloned(their, tmp_path / "clone")
    there = {os.fsencode(name) for name in os.listdir(clone)}
    # Python's rmtree recurses, and pytest calls it on the old folders of tests: 2,000 levels would end a later run.
    subprocess.run(["rm", "--recursive", "--force", clone], check=True)
    attack.fired(len(there & {os.fsencode(name) for name in ODD}) == len(ODD), f"a plain clone makes all {len(ODD)}")
    result = write_repository(tmp_path, their)
    attack.came_to(f"1 file written; told in {len(result.feedback)} plain letters")
    assert result.names == ["solution.py"]
    assert "odd file name" in result.feedback
    assert result.feedback.isprintable()


OUTSIDE = (b"..", b".git", b".GIT", b".git.", b"git~1", b".g\xe2\x80\x8cit", b"a/../../x", b".")


@pytest.mark.attack("G02", "a tree whose entry is .., .git in any spelling, or a path of its own")
def test_a_tree_that_would_leave_its_folder_is_refused(attack, tmp_path):
    fetched, feedback = 0, set()
    for number, name in enumerate(OUTSIDE):
        folder = tmp_path / str(number)
        folder.mkdir()
        their = folder / "their.git"
        make(their)
        blob = put(their, "blob", b"x")
        inner = put(their, "tree", tree((b"100644", b"config", blob)))
        mode, id = (b"100644", blob) if b"x" in name else (b"40000", inner)
        commit(their, put(their, "tree", tree((mode, name, id), (b"100644", b"solution.py", blob))))
        clone = cloned(their, folder / "clone", "--no-checkout")
        listed = subprocess.run(["git", "ls-tree", "-r", "-z", "HEAD"], cwd=clone, capture_output=True, check=False)
        fetched += name in listed.stdout
        result = write_repository(folder, their)
        assert result.written is None, name
        feedback.add(result.feedback)
        assert sorted(os.listdir(folder)) == ["clone", "mirror", "their.git"]
    attack.fired(fetched == len(OUTSIDE), f"git fetches and lists all {fetched}, for whoever writes them")
    attack.came_to(f"{len(OUTSIDE)} of {len(OUTSIDE)} refused: {'; '.join(feedback)}")
    assert {what.partition(" (")[0] for what in feedback} == {"the repository's history is malformed"}


@pytest.mark.attack("G08", "malformed objects: duplicate or unsorted entries, a blob that is not there, garbage")
def test_malformed_history_is_refused_and_reported(attack, tmp_path):
    accepted, feedback = [], {}
    for case in ("duplicate", "unsorted", "absent", "no author", "garbage"):
        their = tmp_path / case / "their.git"
        their.parent.mkdir()
        make(their)
        blob = put(their, "blob", b"x")
        entries = {
            "duplicate": tree((b"100644", b"a", blob), (b"100644", b"a", blob)),
            "unsorted": tree((b"100644", b"b", blob), (b"100644", b"a", blob)),
            "absent": tree((b"100644", b"a", "1" * 40)),
        }.get(case, tree((b"100644", b"a", blob)))
        root = put(their, "tree", entries)
        if case == "no author":
            commit_id = put(their, "commit", b"tree " + root.encode() + b"\n\nx\n")
            git(f"--git-dir={their}", "update-ref", "refs/heads/main", commit_id)
        else:
            commit_id = commit(their, root)
        if case == "garbage":
            path = their / "objects" / blob[:2] / blob[2:]
            path.chmod(0o600)
            path.write_bytes(zlib.compress(b"blob 99\0short"))
        if cloned(their, tmp_path / case / "clone", "--no-checkout").joinpath(".git/HEAD").exists():
            accepted.append(case)
        feedback[case] = write_repository(tmp_path / case, their).feedback
    attack.fired(accepted == ["duplicate", "unsorted", "no author"], f"a plain clone accepts {accepted}")
    attack.came_to("; ".join(f"{case}: {what}" for case, what in feedback.items()))
    assert all(feedback.values())
    words = {"duplicate": "lists files twice", "unsorted": "in no order", "no author": "without author"}
    for case, what in words.items():
        start = r"the repository's history is malformed \(git fsck shows where: object [0-9a-f]{40} "
        assert re.match(rf"{start}.*{what}", feedback[case])
    assert list(tmp_path.rglob("out/*")) == []


NULL = "0" * 40


def spoiled(their: Path, case: str) -> str:
    """A repository whose tip nothing can be run of, by its group's own making; the object that is to blame."""
    make(their)
    blob = put(their, "blob", RIGHT.encode())
    if case == "blob":
        (their / "refs/heads/main").write_text(f"{blob}\n")
        return blob
    entries = {
        "duplicate": tree((b"100644", b"solution.py", blob), (b"100644", b"solution.py", blob)),
        "dot-git": tree((b"40000", b".git", put(their, "tree", b"")), (b"100644", b"solution.py", blob)),
        "null": tree((b"100644", b"solution.py", NULL)),
        "absent": tree((b"100644", b"solution.py", "1" * 40)),
        "garbage": b"this is not a tree",
    }[case]
    root = put(their, "tree", entries)
    commit_id = commit(their, root)
    return {"absent": "1" * 40, "null": NULL, "garbage": commit_id}.get(case, root)


@pytest.mark.attack("G25", "a tip that git refuses, to be withheld for ever or to choose among later ones")
def test_a_tip_that_git_refuses_is_the_groups_own_failure(attack, tmp_path):
    cases = ("duplicate", "dot-git", "null", "absent", "garbage", "blob")
    hall = Hall(tmp_path, groups=("honest", *cases))
    hall.push({"solution.py": 'FRAMEWORK = "pytorch"\n'}, "honest")
    blamed = {}
    for case in cases:
        shutil.rmtree(tmp_path / f"{case}.git")
        blamed[case] = spoiled(tmp_path / f"{case}.git", case)
    make(tmp_path / "plain.git")
    fetched = [
        case for case in cases
        if plain_git(f"--git-dir={tmp_path}/plain.git", "fetch", (tmp_path / f"{case}.git").as_uri(), "main") == 0
    ]  # fmt: skip
    attack.fired({"duplicate", "dot-git", "blob"} <= set(fetched), f"plain git fetches {', '.join(fetched)}")
    receipts = {receipt.group: receipt for receipt in hall.collect("12:05")}
    submissions = {case: hall.submission(group=case) for case in cases}
    problems = {case: submission.problems[0].partition(":")[0] for case, submission in submissions.items()}
    attack.came_to("; ".join(f"{case}: {problem}" for case, problem in problems.items()))
    for case, submission in submissions.items():
        tip = (tmp_path / f"{case}.git/refs/heads/main").read_text().strip()
        assert (submission.commit, submission.folder) == (tip, None), case
        assert (submission.state, submission.waits) == ("counts", False), case
        assert "commit" in submission.problems[0], case  # the cure
        assert blamed[case] in submission.flags[-1], case  # the object, for staff
        assert submission.problems[0] in receipts[case].text
    assert hall.submission(group="honest").folder is not None
    good = hall.push({"solution.py": 'FRAMEWORK = "pytorch"\n'}, "duplicate", force=True)
    hall.event("extension", "600", "mlp/duplicate")
    hall.collect("12:30")
    assert (hall.submission(group="duplicate").commit, hall.submission(group="duplicate").problems[1:]) == (good, ())
    hall.ledger.close()


def test_a_group_whose_tip_is_refused_has_no_points_and_reads_why(tmp_path):
    def before(course: Path) -> None:
        shutil.rmtree(course / "repositories/refused")
        spoiled(course / "repositories/refused", "duplicate")

    # A course of its own: `make test` runs no other test of the course above, which has seven groups.
    groups = {"honest": solution(RIGHT), "refused": solution(RIGHT)}
    course = attacked(tmp_path / "course", groups, sandbox="local", before=before)
    assert course.points("honest") > 90
    mark = course.marks["refused"]
    assert (mark["status"], mark["points"], course.outputs["grade"].code) == ("marked", 0, 0)
    assert re.search(rf"commit {mark['commit']} is refused: .*duplicateEntries", mark["provenance"]["flags"][0])
    assert b"duplicateEntries" not in course.in_the_open()  # git's words may hold some of the group's
    page = (course.folder / "reports/target/feedback/refused.html").read_text(encoding="utf-8")
    assert "copy your files into a fresh repository, commit and push" in page


@pytest.mark.parametrize("case", ["null", "not its own", "nothing"])
@pytest.mark.attack("G26", "a host of the group's own that names a tip which nobody ever made")
def test_a_made_up_tip_withholds_nothing(attack, trusted, tmp_path, case):
    tip = (NULL if case == "null" else "1" * 40).encode()
    listed = packet(b"# service=git-upload-pack\n") + b"0000" + packet(tip + b" HEAD\0side-band-64k ofs-delta\n")
    listed += packet(tip + b" refs/heads/main\n") + b"0000"
    answer = packet(b"ERR upload-pack: not our ref " + tip) if case == "not its own" else packet(b"NAK\n") + b"0000"

    def behave(connection, path):
        if "info/refs" in path:
            replying("200 OK", listed, kind="application/x-git-upload-pack-advertisement")(connection, path)
        else:
            replying("200 OK", answer, kind="application/x-git-upload-pack-result")(connection, path)

    with HostileHost(trusted, behave) as host:
        listing = subprocess.run(["git", "ls-remote", host.address, "main"], capture_output=True, check=False)
        attack.fired(tip in listing.stdout, "plain git lists it as the branch's tip")
        hall = Hall(tmp_path)
        roster = (tmp_path / "roster.csv").read_text().replace(f"file://{tmp_path}/g1.git", host.address)
        (tmp_path / "roster.csv").write_text(roster)
        hall.course = load_course(tmp_path)
        (receipt,) = hall.collect("12:05")
        result = hall.submission()
        hall.ledger.close()
    attack.came_to(f"{result.state}: {receipt.detail or result.reason}")
    assert (receipt.commit, result.commit) == ((None, None) if case == "null" else (tip.decode(),) * 2)
    assert not result.waits
    assert result.folder is None


OLD = {
    "zero-padded modes": (b"0100644", b"A <a@b.org> 1768471200 +0000"),
    "an odd zone": (b"100644", b"A <a@b.org> 1768471200 +51800"),
    "no e-mail": (b"100644", b"A 1768471200 +0000"),
    "no name": (b"100644", b"<a@b.org> 1768471200 +0000"),
    "a date of many zeros": (b"100644", b"A <a@b.org> 0001768471200 +0000"),
    "a date beyond all": (b"100644", b"A <a@b.org> 99999999999999999999 +0000"),
    "no space before the date": (b"100644", b"A <a@b.org>1768471200 +0000"),
    "a name in brackets": (b"100644", b"A <B> <a@b.org> 1768471200 +0000"),
    "no space before the address": (b"100644", b"A<a@b.org> 1768471200 +0000"),
}


@pytest.mark.parametrize("case", OLD)
def test_harmless_old_history_is_fetched(tmp_path, case):
    mode, who = OLD[case]
    their = tmp_path / "their.git"
    make(their)
    old = put(their, "tree", tree((mode, b"old.py", put(their, "blob", b"old"))))
    first = put(their, "commit", b"tree " + old.encode() + b"\nauthor " + who + b"\ncommitter " + who + b"\n\nx\n")
    result = subprocess.run(["git", f"--git-dir={their}", "fsck", "--strict", first], capture_output=True, check=False)
    assert result.returncode != 0  # the control
    git(f"--git-dir={their}", "update-ref", "refs/heads/main", first)
    assert write_repository(tmp_path, their).names == ["old.py"]


# Tips and times


@pytest.mark.attack("G09", "a late force-push under another student's name, dated 1970, against one dated 2100")
def test_dates_names_and_force_change_nothing_after_the_close(attack, tmp_path):
    hall = Hall(tmp_path)
    own = hall.push({"solution.py": "in time\n"}, date="4102444800 +0000")  # says 2100
    hall.collect("11:58")
    hall.collect("12:05")
    late = hall.push({"solution.py": "late\n"}, force=True, date="0 +0000", author="Other Student <o@ucl.ac.uk>")
    hall.collect("12:20")
    chosen = git(f"--git-dir={tmp_path}/g1.git", "rev-list", "-1", "--before=2027-01-15T12:00:00Z", "main")
    result = hall.submission()
    hall.ledger.close()
    attack.fired(chosen == late, "by commit dates the late commit is the one that counts")
    attack.came_to(f"{result.state}: {result.reason}")
    assert result.commit == own
    assert result.later_tips == (late,)
    assert result.signature.date.startswith("2100-01-01")


@pytest.mark.attack("G15", "tips other than commits, no default branch, HEAD elsewhere, a branch named to forge a line")
def test_every_odd_tip_ends_in_a_sentence(attack, tmp_path):
    forged = "x\u2028  counts      " + "1" * 40
    outcomes: dict[str, Look | Fetched] = {}
    for case in ("tag", "blob", "tree", "empty", "head", "forged"):
        folder = tmp_path / case
        folder.mkdir()
        their = folder / "their.git"
        commit_id = make(their, {} if case == "empty" else {"solution.py": "x"})
        dot = f"--git-dir={their}"
        if case == "tag":
            git(dot, "-c", "user.name=a", "-c", "user.email=a@b", "tag", "-a", "t", "-m", "t", commit_id)
            (their / "refs/heads/main").write_text(git(dot, "rev-parse", "t"))
        elif case in ("blob", "tree"):
            path = "solution.py" * (case == "blob")
            (their / "refs/heads/main").write_text(git(dot, "rev-parse", f"{commit_id}:{path}"))
        elif case == "head":
            push(their, {"b": "b"}, "other")
            (their / "HEAD").write_text("ref: refs/pull/1/head\n")
        elif case == "forged":
            push(their, {"b": "b"}, "other")
            (their / "refs/heads" / forged.replace(" ", "\u00a0")).write_text(commit_id)
            (their / "HEAD").write_bytes(f"ref: refs/heads/{forged}".replace(" ", "\u00a0").encode())
        outcomes[case] = write_repository(folder, their)
    naive = f'there is no branch "{forged}"'.splitlines()
    attack.fired(naive[1].startswith("  counts"), "printed as it comes, the branch's name is a line of the receipt")
    attack.came_to("; ".join(f"{case}: {outcome.feedback or 'written'}" for case, outcome in outcomes.items()))
    assert outcomes["tag"].names == ["solution.py"]  # git peels it, and its commit is what is marked
    assert "empty" in outcomes["empty"].feedback
    for case in ("blob", "head", "forged"):
        assert outcomes[case].feedback
        assert "counts" not in outcomes[case].feedback
        assert len(outcomes[case].feedback.splitlines()) == 1


# Size


@pytest.mark.attack("G12", "kilobytes that are 10,000,000,000 files: ten trees that hold each other ten times")
def test_a_bomb_of_trees_is_cut_off(attack, tmp_path):
    their = tmp_path / "their.git"
    make(their)
    id = put(their, "blob", b"#" * 1000)
    mode = b"100644"
    for _ in range(10):
        id = put(their, "tree", tree(*[(mode, b"f%d.py" % number, id) for number in range(10)]))
        mode = b"40000"
    commit(their, id)
    process = subprocess.Popen(["git", f"--git-dir={their}", "ls-tree", "-r", "main"], stdout=subprocess.PIPE)
    lines = sum(1 for _, _ in zip(range(300_000), process.stdout, strict=False))
    process.kill()
    process.communicate()
    attack.fired(lines == 300_000, f"git lists {lines} files of it, and has not begun")
    began = time.monotonic()
    result = write_repository(tmp_path, their)
    attack.came_to(f"{result.feedback} after {time.monotonic() - began:.1f} s")
    assert "lists more than 16 MB" in result.feedback
    assert time.monotonic() - began < 20
    assert folder_bytes(tmp_path / "mirror") < 1e6


@pytest.mark.attack("G13", "one file of megabytes under 3000 names, Python by its ending; a folder for every file")
def test_what_is_written_is_bounded_by_what_it_takes_on_the_disk(attack, tmp_path):
    their = tmp_path / "their.git"
    make(their)
    blob = put(their, "blob", b"#" * 2_000_000)
    names = sorted(b"p%d.py" % number for number in range(3000))
    deep = put(their, "tree", tree((b"100644", b"f.py", blob)))
    for _ in range(150):
        deep = put(their, "tree", tree((b"40000", b"x", deep)))
    folders = sorted(b"d%d" % number for number in range(200))
    entries = [(b"40000", name, deep) for name in folders] + [(b"100644", name, blob) for name in names]
    commit(their, put(their, "tree", tree(*entries)))
    listing = subprocess.run(
        ["git", f"--git-dir={their}", "ls-tree", "-r", "-l", "main"], capture_output=True, check=True
    )
    total = sum(int(line.split()[3]) for line in listing.stdout.splitlines())
    attack.fired(total > 6e9, f"a plain checkout writes {total / 1e9:.1f} GB of {folder_bytes(their) / 1e3:.0f} kB")
    result = write_repository(tmp_path, their, caps=Caps(total_mb=20, files=5000))
    on_disk, folders_made = folder_bytes(result.out), sum(path.is_dir() for path in result.out.rglob("*"))
    attack.came_to(f"{on_disk / 1e6:.0f} MB and {folders_made} folders written, and told")
    assert on_disk <= 20e6
    assert folders_made <= 5000
    assert "5000 files or folders, or 20 MB" in result.feedback


@pytest.mark.attack("G14", "a pack of a megabyte with objects of a gigabyte, to fill the marker's memory")
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_a_pack_cannot_take_the_memory(attack, tmp_path, monkeypatch):
    their = tmp_path / "their.git"
    make(their)
    # A tree is never streamed: git unpacks it whole, whatever its size.
    row = b"100644 " + b"n" * 200 + b"%07d\0" + bytes(20)
    body = b"".join(row % number for number in range(300_000))
    root = put(their, "tree", body)
    commit(their, root)
    limit = 40
    size = len(body) / 1e6
    packed = folder_bytes(their) / 1e6
    fits = plain_git(f"--git-dir={their}", "cat-file", "-e", f"{root}")
    attack.fired(fits == 0 and size > limit, f"{packed:.1f} MB on the disk are {size:.0f} MB in memory")
    monkeypatch.setattr(hardened_git, "MEMORY_MB", limit)
    result = write_repository(tmp_path, their)
    attack.came_to(f"with {limit} MB instead of {MEMORY_MB}: {result.feedback}")
    assert result.written is None
    assert "more memory than the marker allows" in result.feedback


# Hosts


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    return hostile_host.certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusted(pem: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_SSL_CAINFO", str(pem))
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "0")
    return pem


def packet(text: bytes) -> bytes:
    return b"%04x" % (len(text) + 4) + text


HOSTS = {
    "never answers": lambda connection, path: connection.recv(1),
    "drips": without_end(b"", b"0", 0.2),
    "lists without end": without_end(
        packet(b"# service=git-upload-pack\n") + b"0000" + packet(b"1" * 40 + b" HEAD\0side-band-64k\n"),
        packet(b"2" * 40 + b" refs/heads/" + b"x" * 60_000 + b"\n") * 20,
    ),
    "sends garbage": replying("200 OK", os.urandom(5000), kind="application/x-git-upload-pack-advertisement"),
    "sends a page": replying("200 OK", b"<html>\n<script>1</script>\n" * 100, kind="text/html"),
    "answers with control codes": replying("500 \x1b[2J\x07", b"\x1b]0;owned\x07" * 20),
    "turns letters round": replying(
        "500 No", "\u202edenwo\u2066\ufeff\ue000\n".encode() * 20, kind="text/plain; charset=utf-8"
    ),
    "redirects to a file": replying("302 Found", b"", "Location: file:///etc/passwd"),
    "redirects in a ring": replying("302 Found", b"", "Location: /a/b.git/info/refs?service=git-upload-pack"),
}


@pytest.mark.attack("G19", "a host that never answers, drips, lists without end, sends garbage, turns letters round, "
                           "redirects in a ring")  # fmt: skip
def test_no_host_keeps_the_collection(attack, trusted):
    waiting, details = [], []
    for how, behave in HOSTS.items():
        with HostileHost(trusted, behave) as host:
            if how in ("never answers", "drips", "lists without end"):
                with pytest.raises(subprocess.TimeoutExpired):
                    plain_git("ls-remote", host.address, timeout=2)
                waiting.append(how)
            began = time.monotonic()
            result = look(host.address, "main", Reach(timeout_s=2))
            details.append(f"{how}: {result.detail.partition(' (git')[0]}")
            assert host.requests
        assert result.how == "unreachable", how
        assert time.monotonic() - began < 5, how
        assert result.detail.isprintable(), how
    attack.fired(len(waiting) == 3, f"plain git still waits for those that {', '.join(waiting)}")
    attack.came_to("; ".join(details))


@pytest.mark.attack("G20", "a host that fills the marker's disk with remote: lines while a pack is due")
def test_the_words_of_a_host_are_bounded(attack, trusted, tmp_path):
    tip = b"1" * 40

    def behave(connection, path):
        if "info/refs" in path:
            body = packet(b"# service=git-upload-pack\n") + b"0000"
            body += packet(tip + b" HEAD\0side-band-64k ofs-delta\n") + packet(tip + b" refs/heads/main\n") + b"0000"
            replying("200 OK", body, kind="application/x-git-upload-pack-advertisement")(connection, path)
            return
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\nConnection: close\r\n\r\n"
        connection.sendall(head + packet(b"NAK\n"))
        while True:
            connection.sendall(packet(b"\x02" + b"owned\n" * 10_000))

    with HostileHost(trusted, behave) as host:
        record = tmp_path / "said"
        with record.open("wb") as file:
            process = subprocess.Popen(["git", "ls-remote", host.address], stdout=subprocess.DEVNULL, stderr=file)
            process.wait(10)
            make(tmp_path / "own.git")
            process = subprocess.Popen(
                ["git", f"--git-dir={tmp_path}/own.git", "fetch", host.address, "main"],
                stdout=subprocess.DEVNULL, stderr=file,
            )  # fmt: skip
            began = time.monotonic()
            while record.stat().st_size < 5e6 and time.monotonic() - began < 10:
                time.sleep(0.05)
            process.kill()
            process.wait()
        attack.fired(record.stat().st_size > 5e6, f"plain git writes {record.stat().st_size / 1e6:.0f} MB of it")
        began = time.monotonic()
        with pytest.raises(GitFailed) as caught:
            fetch(tmp_path / "mirror", host.address, "main", tip.decode(), at("12:00"), Reach(timeout_s=20))
        attack.came_to(f"{caught.value.feedback}, after {time.monotonic() - began:.1f} s")
    assert "sends more than 1 MB of messages" in caught.value.feedback


@pytest.mark.attack("G21", "a host that asks for a password, and a credential helper of the user's that has one")
def test_no_password_is_sent_to_a_host_that_asks(attack, trusted, tmp_path, monkeypatch):
    (tmp_path / ".gitconfig").write_text(
        f'[credential]\n helper = "!f() {{ cat > /dev/null; echo username=me; echo password={TOKEN}; }}; f"\n'
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    word = base64.b64encode(f"me:{TOKEN}".encode()).decode()
    ask = replying("401 Unauthorized", b"", 'WWW-Authenticate: Basic realm="x"')
    with HostileHost(trusted, ask) as host:
        plain_git("ls-remote", host.address)
        attack.fired(host.sent(f"Authorization: Basic {word}"), "the user's own git sends the helper's password")
        host.requests.clear()
        result = look(host.address, "main", Reach(timeout_s=60))
        attack.came_to(result.detail[:90])
        assert host.requests
        assert not host.sent("Authorization")
    assert "access was refused" in result.detail


@pytest.mark.parametrize("route", ["redirect", "alternates", "look-alike"])
@pytest.mark.attack("G22", "carries the read token to another host: by redirect, by http-alternates, by a like name")
def test_the_token_goes_to_its_own_host_only(attack, trusted, tmp_path, monkeypatch, route):
    monkeypatch.setenv("COURSE_TOKEN", TOKEN)
    body = packet(b"# service=git-upload-pack\n") + b"0000" + packet(b"1" * 40 + b" refs/heads/main\0ofs-delta\n")
    lists = replying("200 OK", body + b"0000", kind="application/x-git-upload-pack-advertisement")
    with HostileHost(trusted, lists) as other:

        def behave(connection, path):
            if route == "redirect":
                replying("302 Found", b"", f"Location: https://{other.name}{path}")(connection, path)
            elif path.endswith("http-alternates"):
                replying("200 OK", f"https://{other.name}/x/objects\n".encode())(connection, path)
            elif "info/refs" in path:
                replying("200 OK", b"1" * 40 + b"\trefs/heads/main\n")(connection, path)
            elif path.endswith("/HEAD"):
                replying("200 OK", b"ref: refs/heads/main\n")(connection, path)
            else:
                replying("404 Not Found")(connection, path)

        with HostileHost(trusted, behave) as first:
            make(tmp_path / "own.git")
            header = f"Authorization: Basic {TOKEN}"
            address = other.address if route == "look-alike" else first.address
            plain_git("-c", f"http.extraHeader={header}", "-c", "http.followRedirects=true",
                      f"--git-dir={tmp_path}/own.git", "fetch", address, "main")  # fmt: skip
            attack.fired(other.sent(TOKEN), f"{route}: with a header for every host, the other one gets the token")
            other.requests.clear()
            first.requests.clear()
            # The token is the first host's; the like name differs from it in its port.
            reach = Reach(token_env={first.name: "COURSE_TOKEN"}, timeout_s=10)
            result = look(address, "main", reach)
            feedback = result.detail or "listed"
            if result.commit:
                with pytest.raises(GitFailed) as caught:
                    fetch(tmp_path / "mirror", address, "main", result.commit, at("12:00"), reach)
                feedback = caught.value.feedback
            count = len(other.requests)
            attack.came_to(f"{route}: {count} requests at the other host, none with a token; {feedback[:60]}")
            assert not other.sent("Authorization")
            assert route == "look-alike" or first.sent("Authorization")


@pytest.mark.attack("G07", "options and medmark's own folders in the roster's group, repository, branch and path")
def test_no_cell_of_the_roster_is_an_option_or_a_way_out(attack, tmp_path):
    marker = tmp_path / "marker"
    make(tmp_path / "their.git", {"solution.py": ""})
    plain_git("ls-remote", f"--upload-pack=touch {marker}; git-upload-pack", tmp_path / "their.git")
    attack.fired(marker.exists(), "git takes such a word for an option, and runs it")
    marker.unlink()
    course = tmp_path / "course"
    assert medmark("init", course).code == 0
    hostile = {
        "group": ["../../x", "-rf", "a/b", "con", "x.lock", ".hidden"],
        "repository": [f"--upload-pack=touch {marker}", f"ext::touch {marker}", "https://u:p@h/x", "-u", "/etc",
                       "https://github.com@evil.example/x/y", "git@-oProxyCommand=x:y"],
        "branch": [f"--upload-pack=touch${{IFS}}{marker}", "-b", "a..b", "@{-1}", "a\x1b[2J"],
        "path": ["../x", "--help", "a:b", ".git", "/etc"],
    }  # fmt: skip
    rows = ["member,name,email,group,repository,branch,path"]
    problems = []
    for column, values in hostile.items():
        for value in values:
            number = len(rows)
            cells = {"group": f"g{number}", "repository": f"https://h/x{number}", "branch": "", "path": ""}
            quoted = ",".join(f'"{cell}"' for cell in {**cells, column: value}.values())
            rows.append(f"m{number},N,n{number}@example.org,{quoted}")
            problems.append(f"roster.csv:{number + 1} {column}:")
    (course / "roster.csv").write_text("\n".join(rows) + "\n")
    result = medmark("collect", "target", "-c", course)
    refused = sum(problem in result.err for problem in problems)
    attack.came_to(f"{refused} of {len(problems)} refused with file, line and column")
    assert (result.code, refused) == (2, len(problems))
    assert "\x1b" not in result.err
    assert not marker.exists()
