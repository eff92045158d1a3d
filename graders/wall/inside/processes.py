"""The keeper's calls to the kernel: users, children, CPU time, clean folders. Standard library only."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

NOBODY = 65534
USERS = range(2_000_000_000, 2_100_000_000)
"""Ids that no person and no service of a machine has: each worker gets the next, and no other ever has it."""
USERS_MAPPED = range(10_000, 60_000)
"""The same on an engine that maps the ids of a container: it maps 65,536 of them."""
STOPPING_S = (0.0, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032)
"""Pauses before each look whether signalled processes have stopped; after the last they are signalled again."""
STILL = frozenset("TtZX")
"""States of a thread that runs nothing: stopped, traced, dead."""
TICKS = os.sysconf("SC_CLK_TCK")
GPU_DEVICE = "/dev/nvidia-uvm"
"""The device that CUDA opens when it is initialised, and that nothing else opens."""
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """`prctl(2)`; imported lazily, since ctypes costs more than the rest of the keeper."""
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def has_gpu() -> bool:
    """Whether this sandbox holds a GPU."""
    return bool(os.environ.get("CUDA_VISIBLE_DEVICES"))


def uses_gpu(device: str = GPU_DEVICE) -> bool:
    """Whether this process has initialised CUDA: it then holds this device open, and its children cannot use CUDA."""
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{fd}") == device:
                return True
    return False


def children() -> list[int]:
    """Processes whose parent this process is, zombies included."""
    try:
        text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        return [int(word) for word in text.split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        me = os.getpid()
        return [pid for pid, fields in all_processes().items() if int(fields[1]) == me]


def all_processes() -> dict[int, list[str]]:
    """The fields of /proc/PID/stat from the third (state) on, for every process that can be seen."""
    fields = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                fields[int(name)] = stat_fields(int(name))
    return fields


def stat_fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat after the name, which may hold spaces and brackets."""
    return _fields(Path(f"/proc/{pid}/stat").read_text(errors="replace"))


def _fields(text: str) -> list[str]:
    return text.rpartition(")")[2].split()


def cpu_of(fields: list[str]) -> float:
    """CPU seconds of a process and of those it has waited for."""
    return sum(int(field) for field in fields[11:15]) / TICKS


def descendants(pid: int) -> set[int]:
    """The children of a process, their children, and so on; without orphans, which have another parent now."""
    pids: set[int] = set()
    todo = [pid]
    while todo:
        parent = todo.pop()
        with contextlib.suppress(OSError):  # it is gone
            for thread in os.listdir(f"/proc/{parent}/task"):
                new = {int(word) for word in Path(f"/proc/{parent}/task/{thread}/children").read_text().split()} - pids
                pids |= new
                todo += new
    return pids


def users() -> range:
    """The ids that workers get: those that this name space maps."""
    rows = [[int(word) for word in row.split()] for row in Path("/proc/self/uid_map").read_text().splitlines()]
    mapped = all(any(first <= id < first + count for first, _, count in rows) for id in (USERS[0], USERS[-1]))
    return USERS if mapped else USERS_MAPPED


def become(uid: int, real: int | None = None) -> None:
    """Give up root for good: every capability is lost with the last of the three ids.

    With another `real` id a process acts as the user, on the user's files and processes, and the user's processes can
    neither signal nor trace it.
    """
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    real_id = uid if real is None else real
    os.setresuid(real_id, uid, real_id)


@contextlib.contextmanager
def acting_as(uid: int | None) -> Iterator[None]:
    """Make and remove files as a user none of whose processes run: a running one could slow this process down."""
    if uid is None:
        yield
        return
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def processes_of(uid: int) -> set[int]:
    """Every process of a user, including dead processes that nobody has waited for."""
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    return {int(pid) for pid in pids if _status(pid).get("Uid", "").split("\t")[0] == str(uid)}


def _threads_of(uid: int) -> dict[str, tuple[str, ...]]:
    """State of each thread of a user's processes, and how often it has run."""
    threads = {}
    for pid in processes_of(uid):
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                status = _status(f"{pid}/task/{thread}")
                threads[thread] = tuple(
                    status.get(name, "") for name in ("State", "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
                )
    return threads


def _status(name: str) -> dict[str, str]:
    """The lines of a status file below /proc; none if its process is gone."""
    try:
        text = Path(f"/proc/{name}/status").read_text(errors="replace")
    except OSError:
        return {}
    return dict(row.split(":\t", 1) for row in text.splitlines() if ":\t" in row)


def signal_all(uid: int, number: int) -> None:
    """Send a signal to every process of a user at once, so that none forks past it.

    Raises:
        OSError: there is no room for the process that sends it.
    """
    pid = os.fork()
    if pid == 0:
        try:
            become(uid, real=NOBODY)
            os.kill(-1, number)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def stop_all(uid: int, seconds: float) -> bool:
    """Stop every process of a user; whether all of them stand still.

    A process may continue another while it stops itself. So all must be seen stopped twice without running between.

    Raises:
        OSError: there is no room for the process that sends it.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        signal_all(uid, signal.SIGSTOP)
        for pause in STOPPING_S:  # on a loaded machine each needs a turn on a core to stop
            time.sleep(pause)
            seen = _threads_of(uid)
            if all(state[:1] in STILL for state, *_ in seen.values()) and _threads_of(uid) == seen:
                return True
    return False


def continue_all(uid: int) -> None:
    """Continue a user's stopped processes."""
    for pid in processes_of(uid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def counts_waiting() -> bool:
    """Whether the kernel counts how long threads wait for a core: it then shows that this thread has run."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/schedstat").read_text().split()[2]) > 0
    return False


def waited_of(pids: set[int]) -> float:
    """Seconds that the living threads of processes have stood in the run queue without a core."""
    total = 0
    for text in _of_threads(pids, "schedstat"):
        with contextlib.suppress(ValueError, IndexError):
            total += int(text.split()[1])
    return total / 1e9


def is_busy(pids: set[int]) -> bool:
    """Whether a living thread of processes runs, stands in the run queue, or waits for a disk.

    `waited_of` adds a wait once it is over, and none for a disk.
    """
    return any(_fields(text)[:1] in (["R"], ["D"]) for text in _of_threads(pids, "stat"))


def _of_threads(pids: set[int], file: str) -> Iterator[str]:
    """What a file of /proc says of each living thread of processes."""
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError):
                    yield Path(f"/proc/{pid}/task/{thread}/{file}").read_text(errors="replace")


def abstract_addresses() -> bool:
    """Whether a socket here is bound to a name without a file: permissions and cleaning do not reach it."""
    with contextlib.suppress(OSError):
        rows = [row.split(None, 7) for row in Path("/proc/net/unix").read_bytes().splitlines()[1:]]
        return any(len(row) == 8 and row[7].startswith(b"@") for row in rows)
    return False


def forget_files() -> None:
    """Have the kernel drop the cached pages of every file that can be read here and that nobody has mapped.

    The cache serves all containers of a machine, and a worker can tell which pages another has read: 4000 bits in
    0.2 s. So this container could pass on what it received, unless the cache is dropped between them.
    """
    for folder, folders, names in os.walk("/"):
        if folder == "/":
            folders[:] = [name for name in folders if name not in ("proc", "sys", "dev")]
        for name in names:
            with contextlib.suppress(OSError):
                file = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(file)


def kill(pid: int) -> None:
    """SIGKILL, if the process is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_group(pid: int) -> None:
    """SIGKILL to the process group that a worker leads, and to the worker."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    kill(pid)


def owned(uid: int, folders: list[str]) -> list[str]:
    """Paths directly in these folders that a user owns."""
    paths = []
    for folder in folders:
        with contextlib.suppress(OSError):
            paths += [entry.path for entry in os.scandir(folder) if entry.stat(follow_symlinks=False).st_uid == uid]
    return paths


def remove(paths: list[str], uid: int | None, seconds: float = 20.0) -> bool:
    """Remove files and folders in a separate process, as the user who owns them; whether all are gone.

    The keeper's root has no power over other users' files, on purpose. No process of the user may run.
    """
    with contextlib.suppress(OSError), acting_as(uid):  # mostly one empty folder
        while paths:
            os.rmdir(paths[-1])
            paths = paths[:-1]
        return True
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.closerange(0, 256)
            if uid is not None:
                become(uid, real=NOBODY)
            signal.alarm(int(seconds))
            for path in paths:
                _remove(path)
            code = 0 if not any(map(os.path.lexists, paths)) else 1
        finally:
            os._exit(code)
    deadline = time.monotonic() + seconds + 1
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        if time.monotonic() > deadline:
            kill(pid)
        time.sleep(0.0005)


def _remove(path: str) -> None:
    """Remove a file, a link (not its target), or a folder with its contents."""
    with contextlib.suppress(OSError):
        if os.path.islink(path) or not os.path.isdir(path):
            os.unlink(path)
        else:
            _empty(path)
            os.rmdir(path)


def _empty(folder: str) -> None:
    """Remove all below a folder without recursion: sub-folders are first moved up into it."""
    serial = 0
    while True:
        try:
            entries = list(os.scandir(folder))
        except PermissionError:  # its owner closed it, to hide its contents
            try:
                os.chmod(folder, 0o700)
                entries = list(os.scandir(folder))
            except OSError:
                return
        except OSError:
            return
        removed = 0
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)
                    removed += 1
                continue
            with contextlib.suppress(OSError):
                os.chmod(entry.path, 0o700)
                for inner in os.scandir(entry.path):
                    if inner.is_dir(follow_symlinks=False):
                        serial += 1
                        os.chmod(inner.path, 0o700)
                        os.rename(inner.path, os.path.join(folder, f".medmark-{os.getpid()}-{serial}"))
                    else:
                        os.unlink(inner.path)
                os.rmdir(entry.path)
                removed += 1
        if not removed:
            return


def cpu_of_control_group() -> float | None:
    """CPU seconds of all that ever ran in this control group; None where it has no such count.

    A control group of a scheduler's counts what runs beside the sandbox too, and so counts for nothing here.
    """
    if "MEDMARK_CONTROL_GROUP" in os.environ:
        return None
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/sys/fs/cgroup/cpuacct/cpuacct.usage").read_text()) / 1e9
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/sys/fs/cgroup/cpu.stat").read_text().split()[1]) / 1e6
    return None
