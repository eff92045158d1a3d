"""A second, narrower system call filter, for a worker behind a container's: what no solution needs, it cannot ask for.

It stands beside the engine's own filter and holds whatever engine and version that is: sockets that no network
namespace confines (vsock reaches the machine's hypervisor), tracing (a traced process cannot be waited for by its
parent), System V objects (they outlive the process that made them) and io_uring (it passes by every filter).
"""

from __future__ import annotations

import ctypes
import platform

LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
EPERM, EAFNOSUPPORT = 1, 97
PR_SET_SECCOMP, FILTER = 22, 2
X32 = 0x40000000
FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: a network namespace has its own of each."""

# The system calls' numbers: socket; then ptrace, shmget, semget, msgget, io_uring_setup.
KNOWN = {
    "x86_64": (0xC000003E, 41, (101, 29, 64, 68, 425)),
    "aarch64": (0xC00000B7, 198, (117, 194, 190, 186, 425)),
}


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction))]


def narrow() -> None:
    """Put the filter on this process and all its children, for good.

    Raises:
        OSError: the kernel refused it; no solution may run then.
    """
    if platform.machine() not in KNOWN:  # the engine's own filter stands
        return
    architecture, socket, refused = KNOWN[platform.machine()]
    lines = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, REFUSE | EPERM),  # system calls of 32 bits have other numbers
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32),
        (RETURN, 0, 0, REFUSE | EPERM),
    ]
    for number in refused:
        lines += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE | EPERM)]
    lines += [(EQUAL, 1, 0, socket), (RETURN, 0, 0, ALLOW), (LOAD, 0, 0, FIRST_ARGUMENT)]
    for family in FAMILIES:
        lines += [(EQUAL, 0, 1, family), (RETURN, 0, 0, ALLOW)]
    lines.append((RETURN, 0, 0, REFUSE | EAFNOSUPPORT))
    program = _Program(len(lines), (_Instruction * len(lines))(*(_Instruction(*line) for line in lines)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")
