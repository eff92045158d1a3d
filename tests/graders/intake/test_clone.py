"""Repositories are looked at, fetched and written out as if each of them were hostile."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest

from assignments.errors import UserError
from graders.course.addresses import address_problem, branch_problem
from graders.intake import hardened_git
from graders.intake.checkout import Caps, TreeEntry, _is_name, _select, tree_of, write_files
from graders.intake.clone import Signature, fetch, look, seen_in, signature_of
from graders.intake.hardened_git import GitFailed, Reach, run_git
from tests.graders.intake.https_hosts import Answer, HttpsHost, certified
from tests.graders.intake.repositories import Link, Module, at, git, make, push

FILES = Reach(allow_file=True, timeout_s=20)
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def mirrored(tmp_path, files):
    """The mirror of a repository with these files, and its commit."""
    commit = make(tmp_path / "their.git", files)
    mirror = tmp_path / "mirror"
    fetch(mirror, f"file://{tmp_path}/their.git", "main", commit, at("12:00"), FILES)
    return mirror, commit


def written(tmp_path, files, caps=None):
    """What comes of writing these files out: the folder, and the problems."""
    mirror, commit = mirrored(tmp_path, files)
    entries = tree_of(mirror, commit, "", FILES)
    return tmp_path / "out", write_files(mirror, entries, tmp_path / "out", caps or Caps(), FILES)


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


# Addresses


def test_a_folder_of_this_machine_is_refused_unless_the_course_says_so(tmp_path):
    make(tmp_path / "their.git", {"a": "a"})
    address = f"file://{tmp_path}/their.git"
    assert "allow_file = true" in address_problem(address, allow_file=False)
    assert look(address, "main", Reach()).how == "unreachable"
    with pytest.raises(GitFailed, match="not allowed"):  # nor by git itself, were the address let through
        run_git(["ls-remote", "--", address], reach=Reach())
    assert look(address, "main", FILES).how == "tip"


@pytest.mark.parametrize("branch", ["--upload-pack=x", "-b", "a..b", "a.lock", "a b", "@{-1}", "a/", "", "a\nb", "x^"])
def test_odd_branch_names_are_refused(tmp_path, branch):
    assert branch_problem(branch)
    with pytest.raises(GitFailed):
        fetch(tmp_path / "m", "file:///x", branch, "1" * 40, at("12:00"), FILES)


# Looking


def test_a_look_finds_the_tip_of_a_branch_or_of_the_default_one(tmp_path):
    commit = make(tmp_path / "their.git", {"a": "a"}, branch="trunk")
    address = f"file://{tmp_path}/their.git"
    assert look(address, "trunk", FILES).commit == commit
    seen = look(address, None, FILES)
    assert (seen.branch, seen.commit) == ("trunk", commit)


def test_an_unborn_default_branch_gives_way_to_the_only_branch(tmp_path):
    make(tmp_path / "their.git", branch="master")
    commit = push(tmp_path / "their.git", {"a": "a"}, "main")
    seen = look(f"file://{tmp_path}/their.git", None, FILES)
    assert (seen.branch, seen.commit) == ("main", commit)


def test_unreachable_empty_and_branchless_repositories_say_what_to_do(tmp_path):
    make(tmp_path / "empty.git")
    make(tmp_path / "their.git", {"a": "a"})
    away = look(f"file://{tmp_path}/none.git", "main", FILES)
    assert (away.how, "check the address in the roster" in away.detail) == ("unreachable", True)
    empty = look(f"file://{tmp_path}/empty.git", "main", FILES)
    assert (empty.how, "commit your work and push it" in empty.detail) == ("empty", True)
    other = look(f"file://{tmp_path}/their.git", "mian", FILES)
    assert (other.how, 'did you mean "main"?' in other.detail) == ("no_branch", True)


# Fetching


def test_history_that_was_forced_away_stays_in_the_mirror(tmp_path):
    mirror, first = mirrored(tmp_path, {"a": "one"})
    second = push(tmp_path / "their.git", {"a": "two"}, force=True)
    fetch(mirror, f"file://{tmp_path}/their.git", "main", second, at("12:05"), FILES)
    assert seen_in(mirror, first)
    assert seen_in(mirror, second)
    assert not seen_in(mirror, "1" * 40)
    assert [entry.path for entry in tree_of(mirror, first, "", FILES)] == ["a"]


def test_a_repository_over_the_size_limit_is_cut_off_and_leaves_what_was_there(tmp_path):
    mirror, first = mirrored(tmp_path, {"a": "one"})
    before = names(mirror)
    big = push(tmp_path / "their.git", {"b": os.urandom(3_000_000)})
    with pytest.raises(GitFailed, match="larger than 1 MB"):
        fetch(mirror, f"file://{tmp_path}/their.git", "main", big, at("12:05"), Reach(allow_file=True, size_mb=1))
    assert names(mirror) == before
    assert not seen_in(mirror, big)
    assert seen_in(mirror, first)


def test_hooks_and_settings_of_the_repository_do_nothing(tmp_path):
    marker = tmp_path / "marker"
    inner = {"sub/HEAD": "ref: x", "sub/hooks/post-checkout": f"#!/bin/sh\ntouch {marker}\n"}
    commit = make(tmp_path / "their.git", inner)
    for name in ("post-checkout", "post-merge", "reference-transaction", "pre-auto-gc", "upload-pack"):
        hook = tmp_path / "their.git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
        hook.chmod(0o755)
    git(f"--git-dir={tmp_path}/their.git", "config", "uploadpack.packObjectsHook", f"touch {marker}; exec")
    git(f"--git-dir={tmp_path}/their.git", "config", "core.fsmonitor", f"touch {marker}")
    mirror = tmp_path / "mirror"
    fetch(mirror, f"file://{tmp_path}/their.git", "main", commit, at("12:00"), FILES)
    result = write_files(mirror, tree_of(mirror, commit, "", FILES), tmp_path / "out", Caps(), FILES)
    signature_of(mirror, commit)
    assert not marker.exists()
    assert "holds sub/ (a Git repository)" in result.flags
    assert not (mirror / "hooks").exists()


def test_the_users_own_git_settings_are_not_read(tmp_path, monkeypatch):
    (tmp_path / ".gitconfig").write_text('[url "file:///nowhere/"]\n insteadOf = file:///\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    make(tmp_path / "their.git", {"a": "a"})
    address = f"file://{tmp_path}/their.git"
    assert look(address, "main", FILES).how == "tip"
    # The control: git itself does read them.
    assert subprocess.run(["git", "ls-remote", address], capture_output=True, check=False).returncode != 0


def test_a_commit_says_who_when_and_what_as_evidence(tmp_path):
    make(tmp_path / "their.git", {"a": "a"})
    commit = push(
        tmp_path / "their.git", {"a": "b"},
        message="Fix\x1b[31m loss\n\nmore", author="Other Student <o@example.org>", date="978307200 +0000",
    )  # fmt: skip
    fetch(tmp_path / "mirror", f"file://{tmp_path}/their.git", "main", commit, at("12:00"), FILES)
    signature = signature_of(tmp_path / "mirror", commit)
    assert signature.author == "Other Student <o@example.org>"
    assert signature.date == "2001-01-01T00:00:00+00:00"
    assert signature.message == "Fix [31m loss"
    assert signature_of(tmp_path / "mirror", "1" * 40) is None


def test_a_commit_dated_beyond_the_calendar_still_says_who(tmp_path):
    make(tmp_path / "their.git", {"a": "a"})
    # Midnight of the year 10000 in a zone where it is that already: no calendar of Python's can write it.
    commit = push(tmp_path / "their.git", {"a": "b"}, date="253402300799 +1400")
    fetch(tmp_path / "mirror", f"file://{tmp_path}/their.git", "main", commit, at("12:00"), FILES)
    assert signature_of(tmp_path / "mirror", commit) == Signature("Ada <ada@ucl.ac.uk>", "253402300799 +1400", "Work")


def test_a_default_branch_with_an_odd_name_writes_no_line_of_its_own(tmp_path):
    their = tmp_path / "their.git"
    make(their, {"a": "a"}, branch="one")
    push(their, {"a": "b"}, "two")
    git(f"--git-dir={their}", "branch", "x\u2028counts", "one")
    git(f"--git-dir={their}", "symbolic-ref", "HEAD", "refs/heads/x\u2028counts")
    seen = look(f"file://{their}", None, FILES)
    assert seen.how == "no_branch"
    assert seen.detail == (
        "the repository's default branch is not a branch name that medmark accepts: its branches are one, two"
    )


def test_two_collections_never_fetch_into_one_mirror_at_once(tmp_path):
    mirror, _ = mirrored(tmp_path, {"a": "one"})
    second = push(tmp_path / "their.git", {"a": "two"})
    with (mirror / "medmark.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(GitFailed, match="another collection"):
            fetch(mirror, f"file://{tmp_path}/their.git", "main", second, at("12:05"), Reach(True, timeout_s=0.3))
    fetch(mirror, f"file://{tmp_path}/their.git", "main", second, at("12:05"), FILES)
    assert seen_in(mirror, second)


# Running git


@pytest.fixture
def fake_git(tmp_path, monkeypatch):
    """Puts a script in git's place; the function returned sets what it does."""

    def script(text):
        path = tmp_path / "bin/git"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")

    return script


def test_a_host_that_never_answers_is_ended_with_all_that_git_started(tmp_path, fake_git):
    fake_git(f"sleep 77 & echo $! > {tmp_path}/child; wait")
    started = time.monotonic()
    seen = look("https://github.com/a/b", "main", Reach(timeout_s=0.5))
    assert seen.how == "unreachable"
    assert "did not answer within 0.5 s" in seen.detail
    assert time.monotonic() - started < 5
    child = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    while child.exists() and child.read_text().split()[2] != "Z":
        assert time.monotonic() - started < 5
        time.sleep(0.05)


def test_a_host_that_lists_without_end_is_cut_off(fake_git):
    fake_git("exec yes")
    assert "lists more than 16 MB" in look("https://github.com/a/b", "main", Reach(timeout_s=20)).detail


def test_a_host_that_talks_without_end_is_cut_off(fake_git):
    fake_git("exec yes remote >&2")
    assert "sends more than 1 MB of messages" in look("https://github.com/a/b", "main", Reach(timeout_s=20)).detail


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_git_and_what_it_starts_have_a_limit_of_memory(tmp_path, fake_git):
    fake_git(f"sleep 0.3; sh -c 'ulimit -v' > {tmp_path}/limit; exit 1")
    look("https://github.com/a/b", "main", Reach(timeout_s=20))
    assert int((tmp_path / "limit").read_text()) == hardened_git.MEMORY_MB * 1024


def test_stopping_ends_every_git_at_once(fake_git):
    fake_git("sleep 77")
    reach = Reach(timeout_s=60)
    reach.stop.set()
    started = time.monotonic()
    assert "stopped" in look("https://github.com/a/b", "main", reach).detail
    assert time.monotonic() - started < 5


def test_a_token_is_given_to_its_host_alone_and_stands_in_no_argument_file_or_message(tmp_path, fake_git, monkeypatch):
    fake_git(f'printf "%s\\n" "$@" > {tmp_path}/arguments; env > {tmp_path}/environment; echo "no s3cret" >&2; exit 1')
    monkeypatch.setenv("COURSE_TOKEN", "s3cret")
    reach = Reach(token_env={"github.com": "COURSE_TOKEN"}, timeout_s=20)
    seen = look("https://github.com/a/b", "main", reach)
    assert "s3cret" not in seen.detail
    assert "no ***" in seen.detail
    assert "s3cret" not in (tmp_path / "arguments").read_text()
    environment = (tmp_path / "environment").read_text()
    assert "s3cret" not in environment  # in base64 only, and the shell's own variables are not passed on
    assert "=http.https://github.com/.extraHeader\n" in environment
    assert "eC1hY2Nlc3MtdG9rZW46czNjcmV0" in environment  # base64 of x-access-token:s3cret
    assert "GIT_CONFIG_VALUE_0=false" in environment  # no redirect may carry it elsewhere
    look("https://gitlab.com/a/b", "main", reach)
    assert "eC1hY2Nlc3MtdG9rZW46czNjcmV0" not in (tmp_path / "environment").read_text()


@pytest.fixture
def https_hosts(tmp_path, monkeypatch):
    """Two hosts that record what git sends; the first answers as the test says, the second with 404."""
    context = certified(tmp_path, monkeypatch)
    hosts = [RecordingHost(context), RecordingHost(context)]
    yield hosts
    for host in hosts:
        host.close()


class RecordingHost(HttpsHost):
    """A host that knows every request, and the command lines of the machine at that moment."""

    def __init__(self, context):
        self.seen = []
        self.moved_to = None
        super().__init__(context, self.answer)

    def answer(self, path, authorization):
        commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _readable(path)]
        self.seen.append((authorization, b"".join(commands)))
        return Answer(302, headers=(("Location", self.moved_to + path),)) if self.moved_to else Answer(404)


def _readable(path):
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


def test_git_sends_the_token_to_its_host_and_never_after_a_redirect(https_hosts, monkeypatch):
    first, second = https_hosts
    monkeypatch.setenv("COURSE_TOKEN", "s3cret")
    reach = Reach(token_env={first.name: "COURSE_TOKEN"}, timeout_s=20)
    seen = look(f"https://{first.name}/a/b.git", "main", reach)
    assert "no repository at this address" in seen.detail
    header, commands = first.seen[0]
    assert header == "Basic eC1hY2Nlc3MtdG9rZW46czNjcmV0"
    assert b"ls-remote" in commands
    assert b"s3cret" not in commands
    assert b"eC1hY2Nlc3MtdG9rZW46czNjcmV0" not in commands
    first.moved_to = f"https://{second.name}"
    assert "the repository has moved" in look(f"https://{first.name}/a/b.git", "main", reach).detail
    assert second.seen == []
    # The control: without a token a redirect is followed, so the second host can be reached.
    look(f"https://{first.name}/a/b.git", "main", Reach(timeout_s=20))
    assert [header for header, _ in second.seen] == [None]


def test_a_token_that_is_not_set_names_its_variable(monkeypatch):
    monkeypatch.delenv("COURSE_TOKEN", raising=False)
    with pytest.raises(UserError, match=r"COURSE_TOKEN for github.com is not set"):
        look("https://github.com/a/b", "main", Reach(token_env={"github.com": "COURSE_TOKEN"}))


def test_a_machine_without_git_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="apt install git"):
        look("https://github.com/a/b", "main", Reach())


@pytest.mark.parametrize(
    ("messages", "cause"),
    [
        ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", "access was refused"),
        ("remote: Repository not found.\nfatal: repository 'https://x/' not found", "no repository at this address"),
        ("fatal: unable to access 'https://u:p@x/': Could not resolve host: x", "the host did not answer"),
        ("fatal: fsck error in packed object", "malformed"),
        ("fatal: something new", "could not read"),
    ],
)
def test_what_git_says_becomes_a_cause(fake_git, messages, cause):
    fake_git(f"cat >&2 <<'END'\n{messages}\nEND\nexit 128")
    detail = look("https://github.com/a/b", "main", Reach(timeout_s=20)).detail
    assert cause in detail
    assert "u:p" not in detail


def test_no_letter_of_a_host_acts_on_the_reader(fake_git):
    fake_git("printf 'remote: \\342\\200\\256denwo \\342\\201\\246\\356\\200\\200\\033[2J end\\n' >&2; exit 128")
    detail = look("https://github.com/a/b", "main", Reach(timeout_s=20)).detail
    assert detail.endswith(r"(git: remote: \u202edenwo \u2066\ue000\x1b[2J end)")


# Writing out


def test_regular_files_come_out_as_they_are(tmp_path):
    files = {"solution.py": "x = 1\n", "weights/model.pt": b"\0\r\n\xff", "a b/ü (1).txt": "", ".gitignore": "x"}
    out, result = written(tmp_path, files)
    assert names(out) == [".gitignore", "a b/ü (1).txt", "solution.py", "weights/model.pt"]
    assert (out / "weights/model.pt").read_bytes() == b"\0\r\n\xff"
    assert (result.files, result.problems, result.flags) == (4, (), ())
    assert stat.S_IMODE((out / "solution.py").stat().st_mode) & 0o444 == 0o444
    assert stat.S_IMODE(out.stat().st_mode) == 0o755


def test_links_submodules_and_lfs_pointers_are_reported_and_never_followed(tmp_path):
    hostile = {
        "solution.py": "", "notes.txt": Link("/etc/passwd"), "hid": Link("../../hidden"), "rootdir": Link("/"),
        "x": Module(), ".gitmodules": '[submodule "x"]\n path = x\n url = https://example.org/x\n',
        "weights/model.pt": POINTER, ".gitattributes": "* filter=lfs diff=lfs merge=lfs -text\n",
        ".lfsconfig": "[lfs]\n url = http://127.0.0.1:9/x\n",
    }  # fmt: skip
    out, result = written(tmp_path, hostile)
    assert names(out) == [".gitattributes", ".gitmodules", ".lfsconfig", "solution.py"]
    text = "\n".join(result.problems)
    assert "link: hid, notes.txt, rootdir; links are not followed" in text
    assert "submodule: x;" in text
    assert "Git LFS pointer: weights/model.pt;" in text
    assert result.flags == ("holds .gitattributes", "holds .gitmodules", "holds .lfsconfig")


def test_a_link_where_a_folder_is_expected_leads_nowhere(tmp_path):
    out, _ = written(tmp_path, {"weights": Link("/tmp"), "solution.py": ""})
    assert names(out) == ["solution.py"]
    assert not (out / "weights").exists()


def test_odd_names_are_reported_in_plain_letters(tmp_path):
    odd = ["-rf", "--help", "$(touch m)", ";touch m", "a\nb", "c\x1b[31m", "d\\e", "\udcff", "f:g", "h\u202ei"]
    out, result = written(tmp_path, {"solution.py": "", **dict.fromkeys(odd, "x")})
    assert names(out) == ["solution.py"]
    (problem,) = result.problems
    assert problem.isprintable()
    assert "a\\nb" in problem


LETTERS = (
    unicodedata.normalize("NFD", "données.py"), unicodedata.normalize("NFC", "données.py"), "データ.py", "नमूना.npy",
    "می\u200cخواهم.txt", "số liệu.csv", "Ångström–b.md", "a\u00a0b.txt", "✅ 👩\u200d🔬.md",
    "console.py", "auxiliary.py",
)  # fmt: skip
"""With marks of their own, of other scripts, joined by what nobody sees, with a no-break space; nearly a device."""


def test_letters_of_any_script_with_their_marks_are_letters(tmp_path):
    out, result = written(tmp_path, {"solution.py": "", **dict.fromkeys(LETTERS, "x")})
    assert result.problems == ()
    assert {os.fsencode(name) for name in names(out)} == {os.fsencode(name) for name in ("solution.py", *LETTERS)}


@pytest.mark.parametrize(
    "name",
    ["a\u202eb", "a\u2066b", "a\u200bb", "a\u200cb", "\ufeffa", "a\x85b", "a\u2028b", "con", "AUX.py", "nul .txt",
     "com1.tar.gz", "Lpt9", "com¹", "..", ".ｇｉｔ", "\ue000"],
)  # fmt: skip
def test_names_that_show_or_mean_something_else_are_refused(name):
    assert not _is_name(name)


def test_deep_folders_are_written_up_to_a_limit(tmp_path):
    out, result = written(tmp_path, {"x/" * 60 + "deep": "", "y/" * 300 + "deeper": "", "z" * 300: ""})
    assert len(names(out)) == 1
    assert "odd file name" in result.problems[0]


def test_weights_over_their_limit_are_left_out_as_a_whole(tmp_path):
    files = {"solution.py": "", "weights/a.pt": bytes(700_000), "weights/b.pt": bytes(700_000)}
    out, result = written(tmp_path, files, Caps(weights_mb=1))
    assert names(out) == ["solution.py"]
    assert "weights/ holds 1 MB, and 1 MB are allowed: the marker takes none of it" in result.problems[0]


def test_large_files_elsewhere_are_left_out_one_by_one(tmp_path):
    out, result = written(tmp_path, {"solution.py": "", "scan.nii": bytes(1_100_000)}, Caps(file_mb=1))
    assert names(out) == ["solution.py"]
    assert "scan.nii" in result.problems[0]


def test_too_many_files_leave_the_python_files_and_the_weights(tmp_path):
    files = {"solution.py": "", "weights/w": "1", **{f"data/{number}.txt": "x" for number in range(30)}}
    out, result = written(tmp_path, files, Caps(files=20))
    assert names(out) == ["solution.py", "weights/w"]
    assert "more than 20 files" in result.problems[0]


def test_one_large_python_file_under_many_names_is_written_within_the_limit(tmp_path):
    many = {f"p{number}.py": "#" * 100_000 for number in range(50)}
    out, result = written(tmp_path, {"solution.py": "", **many}, Caps(total_mb=1))
    assert hardened_git.folder_bytes(out) <= 1_000_000
    assert "or 1 MB outside weights/" in result.problems[0]


def test_folders_are_counted_like_files(tmp_path):
    deep = {f"{number}/{'x/' * 50}f.py": "" for number in range(30)}
    out, result = written(tmp_path, {"solution.py": "", **deep}, Caps(files=200))
    assert sum(path.is_dir() for path in out.rglob("*")) <= 200
    assert "more than 200 files or folders" in result.problems[0]


def test_many_files_that_look_like_repositories_are_flagged_in_no_time(tmp_path):
    heads = {f"{number}/HEAD": "" for number in range(8000)}
    began = time.process_time()
    _, _, flags = _select([TreeEntry("100644", "1" * 40, 0, path) for path in [*heads, "7/hooks/update"]], Caps())
    assert time.process_time() - began < 2
    assert flags == ["holds 7/ (a Git repository)"]


def test_more_flags_than_anybody_reads_are_counted(tmp_path):
    entries = [TreeEntry("100644", "1" * 40, 0, f"{number:03}/conftest.py") for number in range(100)]
    _, _, flags = _select(entries, Caps())
    assert flags[0] == "holds 000/conftest.py"
    assert flags[-1] == "holds 90 more like these"
    assert len(flags) == 11


def test_files_that_steer_tools_are_flagged(tmp_path):
    files = ("conftest.py", "a/pytest.ini", "sitecustomize.py", "x.pth", "fine.py")
    _, result = written(tmp_path, dict.fromkeys(files, ""))
    assert result.flags == ("holds a/pytest.ini", "holds conftest.py", "holds sitecustomize.py", "holds x.pth")


def test_settings_of_notebooks_and_modules_in_place_of_pythons_own_are_flagged(tmp_path):
    files = ("ipython_config.py", "ipython_kernel_config.py", "nbgrader_config.py", "json.py", "my_config.py")
    _, result = written(tmp_path, dict.fromkeys(files, ""))
    assert result.flags == tuple(f"holds {name}" for name in sorted(files[:4]))


def test_a_commit_or_folder_that_is_not_there_is_named(tmp_path):
    mirror, commit = mirrored(tmp_path, {"part/solution.py": ""})
    assert [entry.path for entry in tree_of(mirror, commit, "part", FILES)] == ["solution.py"]
    with pytest.raises(GitFailed) as caught:
        tree_of(mirror, commit, "none", FILES)
    assert f'no folder "none" in commit {commit[:12]}' in caught.value.feedback
    with pytest.raises(GitFailed):
        tree_of(mirror, "2" * 40, "", FILES)
    with pytest.raises(GitFailed):
        tree_of(mirror, "--help", "", FILES)


def test_nothing_half_written_is_left_where_git_fails(tmp_path):
    mirror, commit = mirrored(tmp_path, {"solution.py": "x"})
    entries = tree_of(mirror, commit, "", FILES)
    for pack in (mirror / "objects/pack").iterdir():
        pack.unlink()
    with pytest.raises(GitFailed):
        write_files(mirror, entries, tmp_path / "out/there", Caps(), FILES)
    assert names(tmp_path / "out") == []
    assert hardened_git.folder_bytes(tmp_path / "out") == 0
