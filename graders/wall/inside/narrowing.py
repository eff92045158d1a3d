"""A second, narrower system call filter for a worker, behind the container's: it refuses calls that no solution needs.

It works beside the engine's own filter, whatever the engine and its version. It refuses calls that lead past a worker's
user or outlive the worker: sockets other than AF_UNIX (their ports, counters and last states belong to the container,
and vsock reaches the machine's hypervisor), other processes' memory and descriptors, tracing (the parent of a traced
process cannot wait for it), new name spaces, System V objects, keyrings, io_uring (which bypasses every filter), and
inotify and its like, which show a stopped worker which files another opens.
"""

from __future__ import annotations

import ctypes
import platform

LOAD, EQUAL, AT_LEAST, ANY_OF, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT, SECOND_ARGUMENT = 0, 4, 16, 24
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
PR_SET_SECCOMP, FILTER = 22, 2
PR_SET_NO_NEW_PRIVS = 38
X32 = 0x40000000
AF_UNIX = 1
NEW_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""
F_NOTIFY = 1026

# process_vm_readv and _writev, ptrace, pidfd_getfd, kcmp, process_madvise; unshare, setns; shmget, semget, msgget;
# add_key, request_key, keyctl; io_uring_setup; inotify_init1, fanotify_init, and inotify_init where there is one.
# Then what an engine's filter refuses too, for sandboxes that have none: bpf, perf_event_open, userfaultfd; mount,
# umount2, pivot_root, move_mount, open_tree, fsopen, fsconfig, fsmount, fspick, mount_setattr; name_to_handle_at,
# open_by_handle_at; quotactl, quotactl_fd, syslog, acct, swapon, swapoff, reboot, vhangup; kexec_load, kexec_file_load,
# init_module, finit_module, delete_module; settimeofday, clock_settime, clock_adjtime, adjtimex; iopl and ioperm.
REFUSED = {
    "x86_64": (
        310, 311, 101, 438, 312, 440, 272, 308, 29, 64, 68, 248, 249, 250, 425, 294, 300, 253,
        321, 298, 323, 165, 166, 155, 429, 428, 430, 431, 432, 433, 442, 303, 304,
        179, 443, 103, 163, 167, 168, 169, 153, 246, 320, 175, 313, 176, 164, 227, 305, 159, 172, 173,
    ),
    "aarch64": (
        270, 271, 117, 438, 272, 440, 97, 268, 194, 190, 186, 217, 218, 219, 425, 26, 262,
        280, 241, 282, 40, 39, 41, 429, 428, 430, 431, 432, 433, 442, 264, 265,
        60, 443, 116, 89, 224, 225, 142, 58, 104, 294, 105, 273, 106, 170, 112, 266, 171,
    ),
}  # fmt: skip
FILES_IN_MEMORY = {"x86_64": (319, 447), "aarch64": (279, 447)}
"""memfd_create and memfd_secret."""
# The architecture's name in the kernel; socket, socketpair; clone, clone3, fcntl.
NUMBERS = {
    "x86_64": (0xC000003E, (41, 53), 56, 435, 72),
    "aarch64": (0xC00000B7, (198, 199), 220, 435, 25),
}


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction))]


def narrow(*, files_in_memory: bool = True) -> None:
    """Put the filter on this process and all its children, for good.

    Args:
        files_in_memory: Whether it may make files that lie in memory alone. Only a control group counts them.

    Raises:
        OSError: the kernel refused the filter; no solution may run in a container then.
    """
    if platform.machine() not in NUMBERS:  # the engine's own filter stands
        return
    refused = REFUSED[platform.machine()] + (() if files_in_memory else FILES_IN_MEMORY[platform.machine()])
    lines = _lines(platform.machine(), refused)
    program = _Program(len(lines), (_Instruction * len(lines))(*(_Instruction(*line) for line in lines)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
    if libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")


def _lines(machine: str, refused: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    architecture, sockets, clone, clone3, fcntl = NUMBERS[machine]
    lines = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, REFUSE | EPERM),  # system calls of 32 bits have other numbers
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32),
        (RETURN, 0, 0, REFUSE | EPERM),
        (EQUAL, 0, 1, clone3),  # its flags lie in memory, where no filter sees them; the C library then uses clone
        (RETURN, 0, 0, REFUSE | ENOSYS),
    ]
    for number in refused:
        lines += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE | EPERM)]
    for number in sockets:
        lines += _unless(number, FIRST_ARGUMENT, (EQUAL, 1, 0, AF_UNIX), EAFNOSUPPORT)
    lines += _unless(clone, FIRST_ARGUMENT, (ANY_OF, 0, 1, NEW_NAMESPACES), EPERM)
    lines += _unless(fcntl, SECOND_ARGUMENT, (EQUAL, 0, 1, F_NOTIFY), EPERM)
    return [*lines, (RETURN, 0, 0, ALLOW)]


def _unless(number: int, argument: int, test: tuple[int, int, int, int], error: int) -> list[tuple[int, int, int, int]]:
    """Refuse one system call by one of its arguments: `test` jumps over the refusal where the call is allowed."""
    return [
        (EQUAL, 0, 4, number),
        (LOAD, 0, 0, argument),
        test,
        (RETURN, 0, 0, REFUSE | error),
        (RETURN, 0, 0, ALLOW),
    ]
