"""Class G: a student's folder on a person's own machine, whose files and Git settings would run there."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from assignments.assignment import Assignment
from assignments.folders import CATALOGUE
from assignments.handout_note import RuntimeFacts
from graders.intake.handin import clean_clone, inspect_handin
from tests.graders.intake.repositories import ENVIRONMENT, git, make
from tests.small_course import SOUND, medmark, write_assignment

SOLUTION = 'FRAMEWORK = "pytorch"\n'


# Code that lies in the folder under check


def planted(folder: Path, marker: Path) -> Path:
    """A group's folder whose every Python file says so when it runs outside of a container."""
    shutil.copytree(CATALOGUE / "mlp_classifier", folder / "mlp_classifier")
    runs = f"open({str(marker)!r}, 'a').write(__file__ + '\\n')\n"
    own = folder / "mlp_classifier"
    for name in ("metrics.py", "conftest.py"):
        (own / name).write_text("")
    for path in own.rglob("*.py"):
        # After what must stand first; a file that cannot be compiled would run nothing.
        lines = path.read_text(encoding="utf-8").split("from __future__ import annotations\n")
        path.write_text("from __future__ import annotations\n" * (len(lines) > 1) + runs + lines[-1], encoding="utf-8")
    shutil.copy(own / "conftest.py", folder / "conftest.py")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p conftest\n")
    (own / "solution.py").write_text('FRAMEWORK = "numpy"\n')
    return folder


@pytest.mark.docker
@pytest.mark.parametrize("words", ["mlp_classifier", "mlp_classifier/", "", "mlp_classifier --handin"])
@pytest.mark.attack("G23", "brings its own interface, public tests and conftest to a check in a container")
def test_no_code_of_a_folder_runs_on_the_host_that_checks_it_in_docker(attack, images, tmp_path, words):
    images("numpy")
    marker = tmp_path / "ran"
    folder = planted(tmp_path / "repo", marker)
    make(tmp_path / "host.git", {"README.md": ""})
    git("clone", "--quiet", f"file://{tmp_path}/host.git", str(tmp_path / "clone"))
    shutil.move(tmp_path / "clone/.git", folder / ".git")
    git("-C", str(folder), "add", "-A")
    git("-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "x")
    git("-C", str(folder), "push", "--quiet", "origin", "main")
    trusting = medmark("check", "mlp_classifier", "--folder", folder)
    ran = {Path(line).name for line in marker.read_text().split()} if marker.exists() else set()
    attack.fired({"interface.py", "test_public.py"} <= ran, f"the local sandbox runs {', '.join(sorted(ran))}")
    assert "The local sandbox trusts this folder" in trusting.err
    marker.unlink()
    result = medmark("check", *words.split(), "--folder", folder, "--sandbox", "docker")
    attack.came_to(f"nothing of it ran; {result.out.splitlines()[-1]}")
    assert not marker.exists()
    assert "public tests passed" in result.out
    assert "trusts" not in result.err


@pytest.mark.docker
def test_a_folder_that_is_named_by_its_path_is_trusted_and_one_that_lies_there_is_not(images, tmp_path):
    images("numpy")
    write_assignment(tmp_path / "repo/halves")
    (tmp_path / "repo/halves/solution.py").write_text(SOUND, encoding="utf-8")
    words = ("--folder", tmp_path / "repo", "--sandbox", "docker")
    for named in (["halves"], ["halves/"], []):
        refused = medmark("check", *named, *words, cwd=tmp_path)
        assert (refused.code, refused.out) == (2, "")
    named = medmark("check", "halves", *words, cwd=tmp_path)
    typed = f"medmark check {tmp_path}/repo/halves/ --folder {tmp_path}/repo --sandbox docker"
    assert typed in " ".join(named.err.split())
    for path in ("repo/halves", f"{tmp_path}/repo/halves/", "./repo/halves"):
        assert medmark("check", path, *words, cwd=tmp_path).code == 0


# Git settings that lie in the folder under check


@dataclass(frozen=True)
class Setting:
    """Settings that run a script, and the plain git that does it."""

    keys: dict[str, str]
    """{script} stands for it, {folder} for the folder of the test."""
    control: Sequence[str]
    files: dict[str, str] | None = None
    """Below the clone."""
    value: str = ""
    report: str = ""
    """The key that the student reads of; the first one if it is empty."""


EXT = {"protocol.ext.allow": "always"}
ASKS = {"value": "protocol=https\nhost=h\n\n", "control": ["credential", "fill"]}
MONITORS = '[core]\n\tfsmonitor = "{script}"\n'
SETTINGS = {
    "filter.clean": Setting({"filter.evil.clean": "{script}"}, ["status"], {".gitattributes": "*.py filter=evil\n"}),
    "filter.process": Setting(
        {"filter.evil.process": "{script}", "filter.evil.required": "true"}, ["status"],
        {".gitattributes": "*.py filter=evil\n"},
    ),
    "fsmonitor": Setting({"core.fsmonitor": "{script}"}, ["status"]),
    "include": Setting({"include.path": "{folder}/more"}, ["status"], {"../more": MONITORS}),
    "includeIf": Setting({"includeIf.onbranch:main.path": "{folder}/more"}, ["status"], {"../more": MONITORS},
                         report="includeif.onbranch:main.path"),
    "worktree": Setting({"extensions.worktreeConfig": "true"}, ["status"], {".git/config.worktree": MONITORS},
                        report="extensions.worktreeconfig"),
    "hooksPath": Setting({"core.hooksPath": "{folder}/hooks"}, ["status"],
                         {"../hooks/post-index-change": "#!/bin/sh\n{script}\n"}, report="core.hookspath"),
    "hook": Setting({}, ["status"], {".git/hooks/post-index-change": "#!/bin/sh\n{script}\n"}),
    "diff.external": Setting({"diff.external": "{script}"}, ["diff"]),
    "textconv": Setting({"diff.evil.textconv": "{script}"}, ["diff"], {".gitattributes": "*.py diff=evil\n"}),
    "sshCommand": Setting({"core.sshCommand": "{script}", "remote.origin.url": "ssh://h/x"}, ["ls-remote"],
                          report="core.sshcommand"),
    "uploadpack": Setting({"remote.origin.uploadpack": "{script}"}, ["ls-remote", "origin"]),
    "vcs": Setting({"remote.origin.vcs": "ext", "remote.origin.url": "{script}", **EXT}, ["ls-remote", "origin"]),
    "insteadOf": Setting({"url.ext::{script} .insteadOf": "file://", **EXT}, ["ls-remote", "origin"],
                         report="url.ext::{script} .insteadof"),
    "credential": Setting({"credential.helper": "!{script}"}, **ASKS),
    "askPass": Setting({"core.askPass": "{script}"}, **ASKS, report="core.askpass"),
    "alias": Setting({"alias.evil": "!{script}"}, ["evil"]),
    "pager": Setting({"core.pager": "{script}"}, ["-p", "log"]),
    "gpg": Setting({"gpg.program": "{script}", "user.name": "A", "user.email": "a@b.c"},
                   ["commit", "-S", "--allow-empty", "-m", "x"]),
    "promisor": Setting(
        {"extensions.partialClone": "origin", "remote.origin.promisor": "true",
         "remote.origin.url": "ext::{script}", **EXT},
        ["cat-file", "-p", "HEAD:solution.py"], report="extensions.partialclone",
    ),
    "submodule": Setting({}, ["status"]),
}  # fmt: skip


def clone_of(tmp_path: Path, name: str, script: Path) -> tuple[Path, str]:
    """A clone with the setting in it, and the commit that was pushed."""
    clone = tmp_path / "clone"
    tip = make(tmp_path / "host.git", {"solution.py": SOLUTION})
    git("clone", "--quiet", f"file://{tmp_path}/host.git", str(clone))
    (clone / "solution.py").write_text(SOLUTION.replace("torch", "tarch"))  # as long: git has to look at it

    def filled(text: str) -> str:
        return text.replace("{script}", str(script)).replace("{folder}", str(tmp_path))

    for path, text in (SETTINGS[name].files or {}).items():
        target = clone / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(filled(text))
        target.chmod(0o755)
    if name == "promisor":
        (pack,) = (clone / ".git/objects/pack").glob("*.pack")
        objects = pack.read_bytes()
        for path in pack.parent.iterdir():
            path.unlink()
        unpack = ["git", "-C", str(clone), "unpack-objects", "-q"]
        subprocess.run(unpack, input=objects, check=True, env=ENVIRONMENT)
        blob = git("-C", str(clone), "rev-parse", "HEAD:solution.py")
        (clone / ".git/objects" / blob[:2] / blob[2:]).unlink()
    if name == "submodule":
        git("clone", "--quiet", f"file://{tmp_path}/host.git", str(clone / "sub"))
        git("-C", str(clone), "add", "sub")
        git("-C", str(clone / "sub"), "config", "core.fsmonitor", str(script))
    for key, value in SETTINGS[name].keys.items():
        git("-C", str(clone), "config", filled(key), filled(value))
    return clone, tip


@contextmanager
def a_terminal() -> Iterator[int]:
    """To write to: for no other does git start a pager."""
    own_end, terminal = pty.openpty()
    try:
        yield terminal
    finally:
        os.close(own_end)
        os.close(terminal)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.attack("G24", "a folder that came with its own .git: filters, monitors, hooks, helpers, transports")
def test_no_setting_of_a_folder_runs_where_its_hand_in_is_checked(attack, tmp_path, name):
    marker, script = tmp_path / "ran", tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {marker}\n")
    script.chmod(0o755)
    clone, tip = clone_of(tmp_path, name, script)
    setting = SETTINGS[name]
    with a_terminal() as terminal:
        subprocess.run(
            ["git", "-C", str(clone), *setting.control], input=setting.value, text=True, check=False, timeout=30,
            stdout=terminal, stderr=subprocess.DEVNULL, env={**ENVIRONMENT, "GIT_TERMINAL_PROMPT": "0"},
        )  # fmt: skip
    attack.fired(marker.exists(), f"plain git {' '.join(setting.control)} runs it")
    marker.unlink()
    os.utime(clone / "solution.py")  # a monitor or the control may have marked it as unchanged for git
    assignment = Assignment.model_validate(
        {
            "id": "mlp", "title": "MLP", "task": "classification", "folder": tmp_path / "asked",
            "data": {"source": "breast_cancer", "train": 1, "test": 1}, "run": {"mode": "weights"},
            "criterion": [{"kind": "person", "id": "report", "points": 10}],
        }
    )  # fmt: skip
    handin = inspect_handin(clone, assignment, runtime=lambda _: RuntimeFacts("3.11", {}, ("torch",)))
    report = setting.report.replace("{script}", str(script)) or next(iter(setting.keys), "")
    attack.came_to(f"nothing ran; the student reads of {report or 'nothing'}")
    assert (handin.commit, "solution.py" in handin.uncommitted) == (tip, True)
    if report:
        assert report in handin.left_out
        assert any("can run programs" in line for line in handin.lines())
    if name == "promisor":  # its only blob is gone
        assert handin.problems
    else:
        assert (clean_clone(handin, tmp_path / "out") / "solution.py").read_text() == SOLUTION
    assert not marker.exists()
