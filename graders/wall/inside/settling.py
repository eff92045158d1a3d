"""What a container engine does for a keeper, done by the keeper's own process where no engine does it.

A sandbox of an ordinary user gives name spaces, a root and an id for each worker, and little else. So this process
mounts the folders that workers write to with their limits, covers what of the kernel's files is not a worker's, limits
open files, gives up every capability that a keeper does not need, and then is the keeper. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path

from . import keeper

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
SETGID, SETUID, KILL = 6, 7, 5
CAPABILITIES = (KILL, SETGID, SETUID)
"""A keeper's: it becomes each worker's user, and ends its processes."""
HIGHEST_CAPABILITY = Path("/proc/sys/kernel/cap_last_cap")
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
VERSION_3 = 0x20080522
"""Of capget(2) and capset(2): 64 bits in two halves."""
COVERED = ("/proc/kcore", "/proc/keys", "/proc/sched_debug", "/proc/sysrq-trigger", "/proc/timer_list")
HIDDEN = ("/sys", "/proc/acpi", "/proc/scsi")
"""Folders that show the machine: its devices, and control groups that hold more than this sandbox."""
FIXED = ("/proc/sys", "/proc/bus", "/proc/fs", "/proc/irq")
NOTHING = "size=4k,nr_inodes=2,mode=555"
"""Of an empty folder."""
OPEN_FILES = 4096
ZYGOTE_BYTES, ZYGOTE_FILES = 64 << 20, 1000

_libc = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Half(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def main() -> None:
    """Settle, then be the keeper.

    Raises:
        OSError: the kernel refuses a step; the sandbox must not open then.
    """
    room, files = int(os.environ.pop("MEDMARK_ROOM_BYTES")), int(os.environ.pop("MEDMARK_ROOM_FILES"))
    for folder in (os.environ["MEDMARK_SCRATCH"], "/dev/shm"):
        os.makedirs(folder, exist_ok=True)
        _mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, f"size={room},nr_inodes={files},mode=1733")
    _mount("tmpfs", "/zygote", "tmpfs", MS_NOSUID | MS_NODEV, f"size={ZYGOTE_BYTES},nr_inodes={ZYGOTE_FILES},mode=700")
    hide_control_group()
    cover_kernel_files()
    for limit, most in ((resource.RLIMIT_NOFILE, OPEN_FILES), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, room)):
        resource.setrlimit(limit, (most, most))
    keep_only(() if os.environ.get("MEDMARK_ONE_USER") else CAPABILITIES)
    keeper.main()


def hide_control_group() -> None:
    """Let no worker read a scheduler's counters: two workers of a container could tell each other something by them."""
    shown, own = os.environ["MEDMARK_CONTROL_GROUP"], "/zygote/control"
    os.mkdir(own, 0o700)
    for name in os.listdir(shown):
        if not Path(shown, name).read_bytes():  # nothing is mounted there
            continue
        with open(os.path.join(own, name), "x"):
            _mount(os.path.join(shown, name), os.path.join(own, name), "", MS_BIND, "")
    _mount("tmpfs", shown, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NOTHING)
    os.environ["MEDMARK_CONTROL_GROUP"] = own


def cover_kernel_files() -> None:
    """Hide what shows the machine, and let nobody write to settings of the kernel."""
    for folder in filter(os.path.isdir, HIDDEN):
        _mount("tmpfs", folder, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NOTHING)
    for path in filter(os.path.exists, COVERED):
        _mount("/dev/null", path, "", MS_BIND, "")
    for folder in filter(os.path.isdir, FIXED):
        _mount(folder, folder, "", MS_BIND, "")
        _mount("", folder, "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "")


def keep_only(capabilities: tuple[int, ...]) -> None:
    """Give up all other capabilities for good, in every set, so that no program that is started can have them.

    Raises:
        OSError: the kernel refuses.
    """
    if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
    for number in range(int(HIGHEST_CAPABILITY.read_text()) + 1):
        if number not in capabilities and _libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0):
            raise OSError(ctypes.get_errno(), f"capability {number} cannot be dropped")
    mask = sum(1 << number for number in capabilities)
    # The inheritable set is empty, and with it the ambient one.
    halves = (_Half * 2)(_Half(mask, mask, 0), _Half(0, 0, 0))
    if _libc.capset(ctypes.byref(_Header(VERSION_3, 0)), halves):
        raise OSError(ctypes.get_errno(), "capset")


def _mount(source: str, target: str, kind: str, flags: int, options: str) -> None:
    words = [word.encode() for word in (source, target, kind)]
    if _libc.mount(*words, ctypes.c_ulong(flags), options.encode() or None):
        raise OSError(ctypes.get_errno(), "mount", target)
