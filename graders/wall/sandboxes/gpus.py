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
    count: int, *, folder: Path | None = None, uuids: tuple[str, ...] | None = None
) -> Iterator[tuple[str, ...]]:
    """Lease `count` GPUs that no other process uses, and wait for them; their uuids.

    Args:
        count: how many; with 0 the machine is not queried.
        folder: where the locks lie, shared by all users of the machine.
        uuids: of all GPUs; without them `nvidia-smi` lists them.

    Raises:
        EngineFailure: the machine has fewer GPUs, or they were in use for half an hour.
    """
    if not count:
        yield ()
        return
    every = present() if uuids is None else uuids
    if len(every) < count:
        raise EngineFailure(f"limits.gpus = {count}, but this machine has {len(every)}: nvidia-smi lists them")
    locks = folder or Path(tempfile.gettempdir()) / "medmark-gpus"
    end = time.monotonic() + WAIT_S
    while len(locked := _free(every, count, locks)) < count:
        _give_back(locked)
        if time.monotonic() > end:
            raise EngineFailure(f"{count} of the {len(every)} GPUs did not come free in {WAIT_S / 60:.0f} minutes")
        time.sleep(0.2)
    try:
        yield tuple(locked)
    finally:
        _give_back(locked)


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
    locked: dict[str, int] = {}
    for uuid in every:
        if len(locked) == count:
            break
        path = locks / f"{uuid}.lock"
        path.touch(mode=0o666, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            locked[uuid] = descriptor
    return locked


def _give_back(locked: dict[str, int]) -> None:
    for descriptor in locked.values():
        os.close(descriptor)
