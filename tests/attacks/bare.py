"""The guard off: a container of the same image with far (and finite) limits, without a keeper that watches the code.

It shows that an attack does what it says where nothing stops it; the controls of the classes R and N.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from docker.types import Ulimit

from assignments.assignment import Limits
from graders.failures import EngineFailure
from graders.wall.sandboxes import docker as sealed
from graders.wall.sandboxes.docker import Docker
from graders.wall.sandboxes.sandbox import Channel, SandboxSpec
from tests.graders.wall.sandboxes.talk import ECHO, value

ROOMY = Limits(memory_mb=1024, scratch_mb=128, scratch_files=50_000, processes=400)
ROOT = ["SETUID", "SETGID", "KILL", "DAC_OVERRIDE"]
"""Capabilities of the code: it is root, as it would be in a container made without a thought."""
LOOKS = '''\
import ctypes, os, signal, socket, sys, time


def alive(pid):
    """Whether it runs, or stands stopped."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


def threads():
    """Processes and threads here, all together."""
    return sum(len(os.listdir(f"/proc/{name}/task")) for name in os.listdir("/proc") if name.isdigit())


def number_in(*paths):
    for path in paths:
        if os.path.exists(path):
            return int(open(path).read().split()[0])


def held_mb():
    """Memory of the whole container."""
    return number_in("/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory.current") >> 20


def cpu_s():
    """CPU seconds of the whole container."""
    if os.path.exists("/sys/fs/cgroup/cpu.stat"):
        return int(open("/sys/fs/cgroup/cpu.stat").read().split()[1]) / 1e6
    return number_in("/sys/fs/cgroup/cpuacct/cpuacct.usage") / 1e9


def used(folder):
    """Megabytes and files of a folder's file system."""
    told = os.statvfs(folder)
    return (told.f_blocks - told.f_bfree) * told.f_frsize >> 20, told.f_files - told.f_ffree


def drained(line):
    """What a pipe holds, up to 50 MB."""
    pieces = []
    try:
        while len(pieces) < 800:
            pieces.append(os.read(line, 1 << 16))
    except BlockingIOError:
        pass
    return b"".join(pieces)


def attacked(code, look, seconds):
    """Run code in a child, look for what it has done until that is seen or the time is over, and end everything."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir("/scratch")
        os.dup2(write, 1)
        os.dup2(write, 2)
        try:
            space = {}
            exec(code, space)
            os.write(write, repr(space["attack"]()).encode())
        finally:
            os._exit(0)
    os.set_blocking(read, False)
    seen, printed, end = False, bytearray(), time.monotonic() + seconds
    while not seen and time.monotonic() < end:
        time.sleep(0.02)
        printed += drained(read)
        try:
            seen = bool(eval(look, {**globals(), "child": child, "printed": printed, "left": end - time.monotonic()}))
        except OSError:
            seen = False
    printed += drained(read)
    while True:
        try:
            os.kill(-1, signal.SIGKILL)
            os.waitpid(-1, 0)
        except (ChildProcessError, ProcessLookupError):
            break
    os.close(read)
    os.close(write)
    for folder in ("/scratch", "/dev/shm"):
        for name in os.listdir(folder):
            try:
                os.unlink(os.path.join(folder, name))
            except OSError:
                pass
    return seen, bytes(printed)


def started(code, *steps):
    """A child that runs code, then each step that a pipe names, and answers with its value: (child, ask)."""
    steps_pipe, values_pipe = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            os.makedirs(f"/scratch/{os.getpid()}", exist_ok=True)
            os.chdir(f"/scratch/{os.getpid()}")
            space = {}
            exec(code, space)
            while step := os.read(steps_pipe[0], 1 << 12).decode():
                try:
                    got = eval(step, space)
                except Exception as error:
                    got = repr(error)  # for the reader of a silent control
                os.write(values_pipe[1], repr(got).encode())
        except BaseException as error:
            os.write(values_pipe[1], repr(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(values_pipe[1])

    def ask(step):
        os.write(steps_pipe[1], step.encode())
        return eval(os.read(values_pipe[0], 1 << 12) or "'it ended'")

    return child, ask


def ended(*children):
    for child in children:  # kill all first: a traced one cannot be waited for
        os.kill(child, signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)


def passed(code, back, number):
    """The number that one process reads after another left it; with `back` the reader prepared for it before."""
    first, of_first = started(code)
    left = of_first("ready()" if back else f"leave({number})")
    second, of_second = started(code)
    received = of_first(f"find({of_second(f'leave({number})')!r})") if back else of_second(f"find({left!r})")
    ended(first, second)
    return received


def reached(code):
    """The result of one process's act against another process of its user."""
    first, of_first = started(code)
    second, of_second = started(code)
    where = of_first("victim()")
    got = of_second(f"reach(*{where if isinstance(where, list) else [where]!r})")
    ended(first, second)
    return got
'''


@contextmanager
def bare(folder: Path, limits: Limits = ROOMY, **lifted: Any) -> Iterator[Callable[[str], object]]:
    """An unguarded container: a function that evaluates an expression there, with the names that `LOOKS` defines.

    Args:
        folder: an empty folder on the host in place of a solution.
        lifted: settings that differ from those of `docker.py`, by their names in Docker's host configuration.
    """
    folder.mkdir(mode=0o755)
    lifted = {"cap_add": ROOT, "ulimits": [Ulimit(name="nofile", soft=8192, hard=8192)], **lifted}
    seal = sealed._host_config
    sealed._host_config = lambda *args: {**seal(*args), **lifted}
    try:
        with ExitStack() as stack:

            def opened() -> Channel:
                spec = SandboxSpec(folder, "numpy", limits, course="bare")
                channel = stack.enter_context(Docker(inside=ECHO).open(spec))
                assert value(channel, f"exec({LOOKS!r}, globals())") is None
                return channel

            channels = [opened()]

            def look(source: str) -> object:
                try:
                    return value(channels[-1], source)
                except (EOFError, BrokenPipeError, EngineFailure) as error:
                    # Nobody watches this container, so what is tried in it may end it: once more, in a new one.
                    print(f"the bare container ended: {error}")
                    channels.append(opened())
                    return value(channels[-1], source)

            yield look
    finally:
        sealed._host_config = seal


def shows(look: Callable[[str], object], attack: str, symptom: str, seconds: float = 5.0) -> bool:
    """Whether an attack, unguarded, comes to its symptom within a few seconds."""
    return look(f"attacked({textwrap.dedent(attack)!r}, {symptom!r}, {seconds})[0]") is True


def achieves(look: Callable[[str], object], attack: str) -> object:
    """What an attack, unguarded, says that it has achieved."""
    printed = look(f"attacked({textwrap.dedent(attack)!r}, 'not alive(child)', 10.0)[1].decode()")
    return ast.literal_eval(str(printed))


def passes(look: Callable[[str], object], code: str, back: bool, number: int) -> object:
    """What a process of a bare container finds of a number that another has left there."""
    return look(f"passed({code!r}, {back!r}, {number!r})")
