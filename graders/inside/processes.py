"""What the keeper asks of the kernel: children, CPU time, clean folders. Standard library only."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

NOBODY = 65534
TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """`prctl(2)`; imported lazily, since ctypes costs more than the rest of the keeper."""
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


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
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                found[int(name)] = stat_fields(int(name))
    return found


def stat_fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat after the name, which may hold spaces and brackets."""
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def cpu_of(fields: list[str]) -> float:
    """CPU seconds of a process and of those it has waited for."""
    return sum(int(field) for field in fields[11:15]) / TICKS


def descendants(pid: int) -> set[int]:
    """The children of a process, theirs, and so on; without the orphans, whose parent is another now."""
    found: set[int] = set()
    todo = [pid]
    while todo:
        parent = todo.pop()
        for path in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                new = {int(word) for word in path.read_text().split()} - found
                found |= new
                todo += new
    return found


def branded(brand: int) -> set[int]:
    """Every process that carries a worker's brand, the dead that nobody has waited for included."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{name}/status").read_text(errors="replace")
                groups = text.partition("\nGroups:")[2].partition("\n")[0].split()
                if str(brand) in groups:
                    found.add(int(name))
    return found


def kill(pid: int) -> None:
    """SIGKILL, if the process is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_group(pid: int) -> None:
    """SIGKILL to the process group that a worker leads, and to the worker."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    kill(pid)


def become_nobody(brand: int | None = None) -> None:
    """Give up root for good: every capability goes with the last of the three ids.

    A `brand` is a group that owns nothing: children inherit it, and without capabilities nobody can take it off.
    """
    os.setgroups([] if brand is None else [brand])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def empty_folders(folders: list[str], as_nobody: bool, seconds: float = 20.0) -> bool:
    """Empty folders in a process of its own, as the user who filled them; whether it got everything.

    The keeper's root has no power over other users' files, on purpose.
    """
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.closerange(0, 256)
            if as_nobody:
                become_nobody()
            signal.alarm(int(seconds))
            for folder in folders:
                _empty(folder)
            code = 0
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


def _empty(folder: str) -> None:
    """Remove all below a folder without recursion: sub-folders are first moved up to its own level."""
    if os.path.islink(folder):  # its owner has put a link in its place: what that points to is not ours to empty
        os.unlink(folder)
    serial = 0
    while True:
        try:
            entries = list(os.scandir(folder))
        except PermissionError:  # closed by its owner, so that nothing in it is found
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
    """CPU seconds of this control group and of all that ever ran in it; None where it does not say."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/sys/fs/cgroup/cpuacct/cpuacct.usage").read_text()) / 1e9
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/sys/fs/cgroup/cpu.stat").read_text().split()[1]) / 1e6
    return None


def out_of_memory_kills() -> int:
    """How often the kernel has killed in this control group for memory; 0 where it does not say."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        with contextlib.suppress(OSError):
            for line in Path(path).read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0
