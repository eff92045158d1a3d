"""Leases GPUs of this machine, each to one sandbox at a time, by a lock that the kernel drops when its holder dies."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from graders.failures import EngineFailure
from graders.wall.sandboxes.gpu_list import granted
from graders.wall.sandboxes.gpu_processes import wait_until_idle
from graders.wall.sandboxes.sandbox import SandboxSpec

WAIT_S = 1800.0
LOCKS = Path("/tmp/medmark-gpus")
"""Not below TMPDIR, which may differ from user to user and from job to job: all of them must meet at one lock."""


@contextmanager
def leased_for(
    spec: SandboxSpec, end_holders: Callable[[tuple[str, ...]], None] = lambda uuids: None
) -> Iterator[tuple[str, ...]]:
    """The uuids of the GPUs that a sandbox has for itself, until its end: every sandbox opens inside this.

    Args:
        end_holders: ends what dead markers have left on these GPUs.

    Raises:
        EngineFailure: there are too few GPUs, they do not come free, or processes stay on them.
    """
    with leased(spec.limits.gpus) as uuids:
        if uuids:
            end_holders(uuids)
            wait_until_idle(uuids)
        with spec.gpu_meter.watching(uuids) if spec.gpu_meter and uuids else nullcontext():
            yield uuids


@contextmanager
def leased(
    count: int, *, folder: Path | None = None, uuids: tuple[str, ...] | None = None
) -> Iterator[tuple[str, ...]]:
    """Lease `count` GPUs that no other process has leased, and wait for them; their uuids.

    Args:
        count: how many; with 0 the machine is not queried.
        folder: where the locks lie, shared by all users of the machine.
        uuids: of all GPUs that may be leased; without them, those that this process may use.

    Raises:
        EngineFailure: this process may use fewer GPUs, or they were in use for half an hour.
    """
    if not count:
        yield ()
        return
    if uuids is None:
        may = granted()
        every, words = tuple(gpu.uuid for gpu in may.gpus), may.words
    else:
        every, words = uuids, f"this machine has {len(uuids)}"
    if len(every) < count:
        raise EngineFailure(f"limits.gpus = {count}, but {words}")
    end = time.monotonic() + WAIT_S
    while len(locked := _free(every, count, folder or LOCKS)) < count:
        _give_back(locked)
        if time.monotonic() > end:
            raise EngineFailure(f"{count} of the {len(every)} GPUs did not come free in {WAIT_S / 60:.0f} minutes")
        time.sleep(0.2)
    try:
        yield tuple(locked)
    finally:
        _give_back(locked)


def _free(every: tuple[str, ...], count: int, locks: Path) -> dict[str, int]:
    """Up to `count` GPUs that could be locked now, each with the descriptor that holds its lock."""
    import fcntl  # Windows has none, where a student checks a solution without any lease

    with suppress(FileExistsError):
        locks.mkdir(parents=True)
        locks.chmod(0o1777)  # whatever the umask: other users' locks lie here too
    locked: dict[str, int] = {}
    for uuid in every:
        if len(locked) == count:
            break
        descriptor = _lock_file(locks / f"{uuid.replace('/', '_')}.lock")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            locked[uuid] = descriptor
    return locked


def _lock_file(path: Path) -> int:
    """A descriptor of a lock, which may be another user's file: that can be locked, but not be opened to write.

    Raises:
        EngineFailure: it cannot be opened.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with suppress(FileExistsError):  # the usual case; the kernel refuses O_CREAT alone on another user's file
            descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o644)
            os.fchmod(descriptor, 0o644)
            return descriptor
        return os.open(path, flags)
    except OSError as error:
        raise EngineFailure(f"the lock of a GPU cannot be opened ({error}): remove {path}") from error


def _give_back(locked: dict[str, int]) -> None:
    for descriptor in locked.values():
        os.close(descriptor)
