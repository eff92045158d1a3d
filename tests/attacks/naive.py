"""Graders without a wall, as they are usually written: they show that an attack works where the guard is off.

`naive` copies the hidden tests beside the solution, runs pytest in a subprocess with a throw-away folder, and believes
its exit code or its JUnit file. `believing` starts a worker and believes each line it prints. Neither marks anything.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.graders.intake.repositories import Content

TESTS = Path(__file__).parent / "naive_tests.py"
ALL = 5
"""Four tests of functions, and one of accuracy."""


@dataclass(frozen=True)
class Naive:
    """What a grader without a wall made of a solution."""

    by_exit_code: int
    by_counts: int
    """Passed tests as most recipes have it: those of the JUnit file without failure or error."""
    output: str
    """What the tests printed, and what the solution carried out to the file named by MM_LOOT."""


def naive(files: Mapping[str, Content], meanwhile: Callable[[], None] = lambda: None) -> Naive:
    """Mark a repository's files the usual way; `meanwhile` runs as soon as the verdict is in."""
    with tempfile.TemporaryDirectory(prefix="naive-") as name:
        folder = Path(name) / "work"
        for path, content in files.items():
            target = folder / path.removeprefix("target/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else str(content).encode())
        shutil.copy(TESTS, folder / "hidden_test.py")
        loot, result = folder.parent / "loot", folder / "result.xml"
        done = subprocess.run(
            [sys.executable, "-B", "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", f"--junitxml={result.name}",
             "-W", "ignore", "hidden_test.py"],
            cwd=folder, capture_output=True, text=True, errors="replace", timeout=120, check=False,
            env={"PATH": os.environ["PATH"], "HOME": name, "PYTHONPATH": str(folder), "MM_LOOT": str(loot),
                 "OPENBLAS_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        )  # fmt: skip
        counted = _counted(result)
        meanwhile()
        carried = loot.read_text(errors="replace") if loot.exists() else ""
        return Naive(ALL if done.returncode == 0 else 0, counted, done.stdout + done.stderr + carried)


def _counted(result: Path) -> int:
    if not result.exists():
        return 0
    suite = next(ElementTree.parse(result).iter("testsuite"))
    lost = sum(int(suite.get(name, "0")) for name in ("failures", "errors"))
    return min(ALL, int(suite.get("tests", "0")) - lost)


WORKER = """
import json, sys, importlib.util
spec = importlib.util.spec_from_file_location("solution", sys.argv[1])
solution = importlib.util.module_from_spec(spec)
spec.loader.exec_module(solution)
for line in sys.stdin:
    asked = json.loads(line)
    answer = getattr(solution, asked["call"])(*asked["args"])
    print(json.dumps({"answer": answer}), flush=True)
"""


def believing(text: str, call: str, *args: Any) -> Any:
    """The answer of a solution by a protocol that has neither ids nor a pipe of its own: the first line of JSON."""
    with tempfile.TemporaryDirectory(prefix="believing-") as name:
        path = Path(name) / "solution.py"
        path.write_text(text, encoding="utf-8")
        question = json.dumps({"call": call, "args": args}) + "\n"
        done = subprocess.run(
            [sys.executable, "-B", "-c", WORKER, str(path)],
            input=question, capture_output=True, text=True, errors="replace", timeout=60, check=False,
        )  # fmt: skip
    match = re.search(r'\{"answer": (.*?)\}', done.stdout)
    return None if match is None else json.loads(match[1])


def processes_called(name: str) -> list[int]:
    """Processes of this machine, those in containers too, that gave themselves this name."""
    pids = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == name:
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                pids += [int(entry.name)] if state != "Z" else []  # a zombie waits to be counted, and does nothing
        except OSError:
            continue
    return pids


def end(pids: list[int]) -> None:
    """End what a control has left running."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
