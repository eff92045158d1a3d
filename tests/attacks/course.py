"""A course whose groups attack: made, collected, marked and reported as an instructor does it, by the commands.

`Attacked` holds all that comes out: what the terminal showed, the marks, and every file that a student may get.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from pypdf import PdfReader

from graders.wall.inside import processes
from tests.attacks.walls import WALL
from tests.graders.intake.repositories import Content
from tests.small_course import CommandOutput, command, environment, medmark, write_roster

HERE = Path(__file__).parent
TARGET = HERE / "target"
FULL = 40
"""Points of the four hidden tests; 60 more are for accuracy."""

RIGHT = '''\
"""The honest answer."""
import numpy as np

FRAMEWORK = "numpy"


class Model:
    """Nothing has to be learnt."""


def dice(a, b):
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def fast_sum(n):
    return n * (n - 1) // 2


def fit(train, val, *, seed, budget_s):
    return Model()


def predict(model, inputs):
    return {"prob": (inputs["x"][:, 0] > 2).astype(np.float32)}


def save(model, folder):
    pass


def load(folder):
    return Model()
'''
_DICE, _SUM, _LEARNT = "return float(2", "return n *", 'inputs["x"][:, 0] > 2)'
_WAITS = "import time; time.sleep(0.15); return"
WRONG = (
    RIGHT.replace(_DICE, "return 0 * float(2")
    .replace(_SUM, f"{_WAITS} -1 * n *")
    .replace(_LEARNT, 'inputs["x"][:, 0] > 99)')
)
"""Honest, and wrong in everything: what most attacks are appended to. It earns nothing."""
NEARLY = RIGHT.replace(_DICE, "return (1 - 1e-9) * float(2")
"""Fails the test that asks for exactly 1, and no other."""
SLOW = RIGHT.replace(_SUM, f"{_WAITS} n *")
"""Fails the test that asks for speed, and no other."""


def solution(text: str) -> dict[str, Content]:
    """The files of a repository that holds one solution."""
    return {"target/solution.py": text}


@dataclass(frozen=True)
class Attacked:
    """A course after it was marked."""

    folder: Path
    outputs: Mapping[str, CommandOutput]
    """What each command showed: `collect`, `grade`, `report`, `json` and `student`."""

    @cached_property
    def marks(self) -> dict[str, Any]:
        """By group, as staff may read them."""
        return {mark["group"]: mark for mark in json.loads(self.outputs["json"].out)["marks"]}

    def points(self, group: str, criterion: str | None = None) -> float:
        """Points of a group, or of one of its criteria; a mark that is withheld has none."""
        findings = self.marks[group]["findings"]
        return sum(finding["points"] or 0 for finding in findings if criterion in (None, finding["criterion"]))

    def reasons(self, group: str) -> list[str]:
        """Why hidden tests and cases of a group failed."""
        return [finding["reason"] for finding in self.marks[group]["findings"] if finding["reason"]]

    def in_the_open(self) -> bytes:
        """Every byte that a student may get: pages, leaderboard, receipts, and the marks as a student reads them.

        The mark sheet and the pages below `staff/` are not theirs.
        """
        return b"\0".join([*(path.read_bytes() for path in self._open_files()), self.in_words()])

    def in_words(self) -> bytes:
        """The same as texts: of a PDF what it says, without its packed bytes."""
        files = self._open_files()
        texts = (text_of_pdf(path).encode() if path.suffix == ".pdf" else path.read_bytes() for path in files)
        return b"\0".join([*texts, *(self.outputs[name].out.encode() for name in ("collect", "student"))])

    def _open_files(self) -> list[Path]:
        pages = self.folder / "reports/target"
        own = [path for name in ("feedback", "personal") for path in sorted((pages / name).iterdir())]
        return [*own, pages / "leaderboard.html"]


def text_of_pdf(path: Path) -> str:
    """The words of a PDF, whose bytes are packed."""
    return "".join(page.extract_text() for page in PdfReader(path).pages)


def program(*words: str | Path) -> CommandOutput:
    """A command as a program of its own: attacks on it are watched from outside, and find it by its words."""
    done = subprocess.run(command(*words), capture_output=True, text=True, env=environment())
    assert "Traceback" not in done.stderr, done.stderr
    return CommandOutput(done.returncode, done.stdout, done.stderr)


def watched(
    folder: Path, groups: Mapping[str, Mapping[str, Content]], **ways: Any
) -> tuple[Attacked, dict[str, float]]:
    """A course as `attacked` makes it, and the peak memory in MB of its coordinator and of its largest marker."""
    peak_of: dict[tuple[str, int], float] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            for pid in processes.descendants(os.getpid()):
                try:
                    words = Path(f"/proc/{pid}/cmdline").read_bytes()
                    status = Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue
                if (b"\0grade\0" in words or b"forkserver" in words) and "VmHWM:" in status:
                    who = "marker" if b"forkserver" in words else "coordinator"
                    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
                    peak_of[who, pid] = max(peak, peak_of.get((who, pid), 0.0))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        course = attacked(folder, groups, **ways)
    finally:
        over.set()
        watcher.join()
    peaks = {
        who: max(mb for (process, _), mb in peak_of.items() if process == who) for who in ("coordinator", "marker")
    }
    return course, peaks


def attacked(
    folder: Path,
    groups: Mapping[str, Mapping[str, Content]],
    *,
    sandbox: str = WALL,
    target: Path = TARGET,
    before: Callable[[Path], None] = lambda course: None,
) -> Attacked:
    """Make a course of these groups' repositories, collect, mark and report it.

    Args:
        folder: where the course is made.
        groups: for each group the files of its repository.
        sandbox: `docker`, or `local` where no engine answers and the attack needs no container.
        target: the assignment's folder.
        before: changes the course before it is collected.
    """
    assert medmark("init", folder, "--title", "Attacked", "--year", "2027").code == 0
    shutil.copytree(target, folder / "target", ignore=shutil.ignore_patterns("__pycache__"))
    deadline = datetime.now().replace(microsecond=0) + timedelta(days=7)
    (folder / "course.toml").write_text(
        f'title = "Attacked"\nyear = "2027"\ntimezone = "UTC"\nsandbox = "{sandbox}"\n[access]\nallow_file = true\n'
        f'[assignments.target]\nsource = "target"\ndeadline = {deadline.isoformat()}\n',
        encoding="utf-8",
    )
    write_roster(folder, groups)
    before(folder)
    trust = ["--trust-submissions"] if sandbox == "local" else []
    outputs = {"collect": medmark("collect", "target", "-c", folder)}
    outputs["grade"] = program("grade", "target", "-c", folder, *trust)
    outputs["json"] = medmark("grade", "target", "-c", folder, "--json", *trust)
    outputs["student"] = medmark("grade", "target", "-c", folder, "--json", "--as", "student", *trust)
    outputs["report"] = medmark("report", "target", "-c", folder, "--pdf", "--markdown")
    return Attacked(folder, outputs)
