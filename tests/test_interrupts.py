"""Ctrl-C in the first second of a command, pressed as a terminal does it: one line, 130, and nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing import forkserver

import pytest

from graders.runs.engines.processes import start_forkserver
from reports import interrupts
from tests.commands import ROOT
from tests.small_course import SOUND, environment, medmark, write_course

COLLECTED = ("grade", "halves", "--trust-submissions")


@pytest.fixture(autouse=True)
def heard():
    """Ctrl-C as in a terminal, whoever runs these tests: a program started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = write_course(tmp_path_factory.mktemp("courses") / "course", {"sound": SOUND})
    assert medmark("collect", "halves", "-c", folder).code == 0
    return folder


def pressed_once(imported, words, cwd):
    """A command whose whole process group gets Ctrl-C as soon as it has imported a module: (exit code, its words).

    It runs from its file, as `medmark` does. Under `python -m` CPython dies by the signal whatever the exit code, where
    KeyboardInterrupt left an `eval`, as typer has for annotations (`run_eval_code_obj`, Python/pythonrun.c).
    """
    started = subprocess.Popen(
        [sys.executable, "-X", "importtime", ROOT / "cli.py", *words], cwd=cwd, env=environment(), text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    with started:
        for line in started.stderr:
            if line.startswith("import time:") and line.split("|")[-1].strip() == imported:
                break
        else:
            pytest.fail(f"{words} does not import {imported}")
        os.killpg(started.pid, signal.SIGINT)
        rest = started.stderr.read()
    return started.returncode, [line for line in rest.splitlines() if not line.startswith("import time:") and line]


@pytest.mark.parametrize(
    ("imported", "words"),
    [
        ("reports.interrupts", COLLECTED),
        ("typer._click.core", COLLECTED),
        ("typer", ("show", "halves")),
        ("pydantic", COLLECTED),
        ("graders.course.course", COLLECTED),
        ("graders.course.course", ("collect", "halves")),
        ("graders.runs.engines.processes", COLLECTED),
        ("graders.intake.clone", COLLECTED),
        ("numpy", ("report", "halves")),
        ("graders.asking.check", ("check", "halves")),
    ],
)
def test_ctrl_c_while_a_command_imports_is_one_line_and_130(course, imported, words):
    assert pressed_once(imported, words, course) == (130, [interrupts.STOPPED_TEXT])


def test_ctrl_c_while_the_forkserver_starts_is_not_lost(monkeypatch):
    monkeypatch.setattr(forkserver, "ensure_running", lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        start_forkserver()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def ran(source):
    done = subprocess.run([sys.executable, "-c", source], env=environment(), capture_output=True, text=True)
    return done.returncode, done.stderr


HEEDED = "import signal\nfrom reports.interrupts import ctrl_c_handled\nwith ctrl_c_handled() as ctrl_c:\n"


@pytest.mark.parametrize(
    "where",
    [
        "    class Lost:\n        def __del__(self):\n            signal.raise_signal(signal.SIGINT)\n    Lost()\n",
        "    import sys, types\n    class Finder:\n        def find_spec(*words):\n"
        "            try:\n                signal.raise_signal(signal.SIGINT)\n            except BaseException:\n"
        "                raise ImportError\n"
        "    sys.meta_path.insert(0, Finder)\n    import nowhere\n",
        "    for _ in range(2):\n        try:\n            signal.raise_signal(signal.SIGINT)\n"
        "        except KeyboardInterrupt:\n            pass\n",
    ],
    ids=["lost in a destructor", "turned into an ImportError", "pressed again"],
)
def test_a_ctrl_c_that_no_caller_would_see_ends_the_program(where):
    assert ran(f"{HEEDED}{where}") == (130, f"{interrupts.STOPPED_TEXT}\n")


def test_a_command_that_was_started_with_ctrl_c_ignored_ignores_it():
    ignored = HEEDED.replace("from", "signal.signal(signal.SIGINT, signal.SIG_IGN)\nfrom")
    assert ran(f"{ignored}    signal.raise_signal(signal.SIGINT)\n    assert not ctrl_c.pressed\n") == (0, "")
