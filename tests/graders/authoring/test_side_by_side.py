"""Frameworks that are rehearsed at once: what comes back, and that nothing stays when one fails or all stop."""

from __future__ import annotations

import os
import tempfile
import time
from functools import partial
from pathlib import Path

import pytest

from assignments.errors import UserError
from graders.authoring.author_texts import Revealed
from graders.authoring.proving import FrameworkRun, MutantRun, OnProgress, StarterRun
from graders.authoring.side_by_side import in_turn, side_by_side
from graders.failures import InternalFailure
from graders.record.documents import Cause, TestResult
from graders.record.rehearsal import Mutant

FAILED = TestResult("failed", Cause("wrong_answer", text="scale it", mistake="no_scaling"), names_used=("f",), line=3)


def a_run(name: str, pid: int = 0) -> FrameworkRun:
    results = {"test_a.py::test_a": FAILED}
    return FrameworkRun(
        name,
        ("test_a.py::test_a",),
        (results, {}),
        results,
        {},
        {},
        (StarterRun("solution.py", results, 0.25), StarterRun(str(pid), {}, None)),
        {"no_scaling": results},
        (Revealed("test_a.py::test_a", "0.69", "no_scaling"),),
        (MutantRun(Mutant("f", "empty"), results),),
        1.5,
    )


def work(name: str, scratch: Path, on_progress: OnProgress) -> FrameworkRun:
    on_progress(f"{name}: begins", 1, 2)
    (scratch / "file").write_text("")
    on_progress(f"{name}: ends", 2, 2)
    return a_run(name, os.getpid())


def waits(name: str, scratch: Path, on_progress: OnProgress) -> FrameworkRun:
    (Path(tempfile.mkdtemp()) / "left").write_text("")
    on_progress(str(os.getpid()), 1, 2)
    time.sleep(60)
    return a_run(name)


def fails(error: type[Exception], scratch: Path, on_progress: OnProgress) -> FrameworkRun:
    raise error("there is no split")


def ends(scratch: Path, on_progress: OnProgress) -> FrameworkRun:
    os._exit(1)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_each_work_has_a_process_and_its_whole_record_comes_back(temporary: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    runs = side_by_side([partial(work, "a"), partial(work, "b")], lambda *step: steps.append(step))
    pids = [int(run.starters[1].name) for run in runs]
    assert len({*pids, os.getpid()}) == 3
    assert runs == [a_run("a", pids[0]), a_run("b", pids[1])]
    assert {text for text, *_ in steps} == {"a: begins", "a: ends", "b: begins", "b: ends"}
    assert steps[-1][1:] == (4, 4)
    assert list(temporary.glob("medmark-*")) == []


def test_one_work_and_a_system_that_cannot_fork_need_no_process(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, int, int]] = []
    assert side_by_side([partial(work, "a")], lambda *_: None) == [a_run("a", os.getpid())]
    monkeypatch.setenv("MEDMARK_NO_FORK", "1")
    runs = side_by_side([partial(work, "a"), partial(work, "b")], lambda *step: steps.append(step))
    assert runs == [a_run("a", os.getpid()), a_run("b", os.getpid())]
    assert steps == [("a: begins", 1, 2), ("a: ends", 2, 2), ("b: begins", 3, 4), ("b: ends", 4, 4)]
    assert in_turn([], lambda *_: None) == []


@pytest.mark.parametrize(("error", "raised"), [(UserError, UserError), (ValueError, InternalFailure)])
def test_an_error_of_one_ends_the_other(temporary: Path, error: type[Exception], raised: type[Exception]) -> None:
    began = time.monotonic()
    with pytest.raises(raised, match="there is no split"):
        side_by_side([partial(fails, error), partial(waits, "b")], lambda *_: None)
    assert time.monotonic() - began < 30
    assert list(temporary.glob("medmark-*")) == []


def test_a_process_that_ends_early_is_a_failure_of_the_toolkit() -> None:
    with pytest.raises(InternalFailure, match="ended early"):
        side_by_side([ends, partial(waits, "b")], lambda *_: None)


def test_ctrl_c_ends_all_processes_and_leaves_no_file(temporary: Path) -> None:
    pids: list[int] = []

    def on_progress(text: str, done: int, of: int) -> None:
        pids.append(int(text))
        if len(pids) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        side_by_side([partial(waits, "a"), partial(waits, "b")], on_progress)
    assert len(pids) == 2
    assert not any(map(is_running, pids))
    assert list(temporary.glob("medmark-*")) == []
