"""Leases GPUs of this machine, each to one sandbox at a time, by a lock that the kernel drops when its holder dies."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graders.failures import EngineFailure

WAIT_S = 1800.0


@contextmanager
def leased(
    count: int, *, folder: Path | None = None, known: tuple[str, ...] | None = None
) -> Iterator[tuple[str, ...]]:
    """The uuids of `count` GPUs that nobody else uses; waits for them.

    Args:
        count: how many; none asks nothing of the machine.
        folder: where the locks lie, shared by all users of the machine.
        known: uuids of all GPUs, else `nvidia-smi` is asked.

    Raises:
        EngineFailure: the machine has not that many, or they stayed taken for half an hour.
    """
    if not count:
        yield ()
        return
    every = present() if known is None else known
    if len(every) < count:
        raise EngineFailure(f"limits.gpus = {count}, but this machine has {len(every)}: nvidia-smi lists them")
    locks = folder or Path(tempfile.gettempdir()) / "medmark-gpus"
    end = time.monotonic() + WAIT_S
    while len(taken := _free(every, count, locks)) < count:
        _give_back(taken)
        if time.monotonic() > end:
            raise EngineFailure(f"{count} of the {len(every)} GPUs did not come free in {WAIT_S / 60:.0f} minutes")
        time.sleep(0.2)
    try:
        yield tuple(taken)
    finally:
        _give_back(taken)


def present() -> tuple[str, ...]:
    """The uuids of this machine's GPUs; none where `nvidia-smi` is missing."""
    command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ()
    return tuple(done.stdout.split()) if done.returncode == 0 else ()


def _free(every: tuple[str, ...], count: int, locks: Path) -> dict[str, int]:
    """Up to `count` GPUs that could be locked now, each with the descriptor that holds its lock."""
    locks.mkdir(mode=0o1777, parents=True, exist_ok=True)
    taken: dict[str, int] = {}
    for uuid in every:
        if len(taken) == count:
            break
        path = locks / f"{uuid}.lock"
        path.touch(mode=0o666, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            taken[uuid] = descriptor
    return taken


def _give_back(taken: dict[str, int]) -> None:
    for descriptor in taken.values():
        os.close(descriptor)
