"""Class N: what one worker of a container can learn from another, or leave for it.

A module's worker lives while fresh workers answer other tests, and workers follow each other in one container. In each
attack one worker leaves something, or reaches out, and another looks for it. Each control runs the same code in two
processes of a bare container, where both are one user and nobody stops or cleans.
"""

import textwrap
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from assignments.assignment import Limits
from graders.failures import SubmissionFailure
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from tests.attacks.bare import bare, passes
from tests.attacks.walls import behind_the_wall, wall
from tests.graders.wall.sandboxes.talk import ask

pytestmark = behind_the_wall
LIMITS = Limits(memory_mb=256, scratch_mb=16, processes=64)
MESSAGE = 77
NOTHING = -1
COMMON = """
import ctypes, fcntl, glob, mmap, os, select, signal, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
kept = []

def others():
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]

def call(*words):
    return libc.syscall(*words) >= 0

def tried(step, *words):
    try: return step(*words)
    except OSError: return -1

def hidden():
    # Where a hidden input lies in memory, as any array does.
    kept.append(bytearray(b"hidden" + b"-input-" + b"%d" % 77))
    return (ctypes.c_char * len(kept[-1])).from_buffer(kept[-1])
"""
MAPS = """
def mapped(pid):
    rows = [row.split() for row in open(f"/proc/{pid}/maps")]
    return [tuple(int(end, 16) for end in row[0].split("-")) for row in rows if "rw" in row[1] and "[v" not in row[-1]]
"""


@dataclass(frozen=True)
class Message:
    """`leave(n)` leaves a number; `find(left)`, given what `leave` returned, returns the number or -1."""

    id: str
    tries: str
    code: str
    back: bool = False
    """A fresh worker leaves it for the module's worker, rather than the other way round."""


MESSAGES = (
    Message(
        "N12",
        "a module's worker leaves files for a fresh one: in /dev/shm, at the top of /scratch, open to all",
        """
        def leave(n):
            for path in ("/dev/shm/x", "/scratch/x"):
                with open(path, "w") as file: file.write(str(n))
                os.chmod(path, 0o777)
            return 0
        def find(left):
            for path in ("/dev/shm/x", "/scratch/x"):
                if os.path.exists(path): return int(open(path).read())
            return -1
        """,
    ),
    Message(
        "N13",
        "a module's worker opens its own folder to all, and a fresh one learns its path",
        """
        def leave(n):
            with open("x", "w") as file: file.write(str(n))
            os.chmod("x", 0o777); os.chmod(".", 0o777)
            return os.getcwd()
        def find(left): return tried(lambda: int(open(left + "/x").read()))
        """,
    ),
    Message(
        "N14",
        "a module's worker says something by names alone: of files, folders and queues that cannot be opened",
        """
        def leave(n):
            os.mkdir("/dev/shm/%d" % n, 0); os.mkdir("/scratch/%d" % n, 0)
            libc.mq_open(b"/77", 0o102, 0o600, None)
            return 0
        def find(left):
            for folder in ("/dev/shm", "/scratch", "/dev/mqueue"):
                try: names = os.listdir(folder)
                except OSError: names = [name for name in ("77",) if os.path.lexists(f"{folder}/{name}")]
                if "77" in names: return 77
            return -1
        """,
    ),
    Message(
        "N15",
        "a module's worker puts a link in the place of its folder, and its folder beside it",
        """
        def leave(n):
            here = os.getcwd()
            with open("x", "w") as file: file.write(str(n))
            os.rename(here, "/scratch/elsewhere"); os.chmod("/scratch/elsewhere", 0o777)
            os.symlink("/scratch/elsewhere", here)
            return here
        def find(left):
            for place in (left, "/scratch/elsewhere"):
                if (got := tried(lambda: int(open(place + "/x").read()))) > 0: return got
            return -1
        """,
    ),
    Message(
        "N16",
        "a module's worker listens at an abstract address, and a fresh one asks there",
        """
        def leave(n):
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM); line.bind("\\0medmark-%d" % n); line.listen(8)
            kept.append(line)
            return 0
        def find(left):
            with socket.socket(socket.AF_UNIX) as line:
                return 77 if tried(line.connect, "\\0medmark-77") is None else -1
        """,
    ),
    Message(
        "N17",
        "a fresh worker leaves a datagram at an abstract address of the module's worker",
        """
        def ready():
            kept.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)); kept[0].bind("\\0medmark-box")
            return 1
        def leave(n):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                return tried(line.sendto, b"%d" % n, "\\0medmark-box")
        def find(left):
            kept[0].setblocking(False)
            return int(tried(kept[0].recv, 10))
        """,
        back=True,
    ),
    Message(
        "N18",
        "a fresh worker opens files, and the module's worker is notified of each: by inotify, by a directory's notices",
        """
        def ready():
            watch = libc.inotify_init1(0o4000)
            if watch >= 0: libc.inotify_add_watch(watch, b"/usr/lib", 0xFFF)
            kept.append(watch)
            signal.signal(signal.SIGIO, lambda *_: kept.append("noticed"))
            top = os.open("/usr/lib", os.O_RDONLY)
            tried(fcntl.fcntl, top, 1026, 0x80000001)
            return 1
        def leave(n): return len(os.listdir("/usr/lib"))
        def find(left):
            seen = kept[0] >= 0 and tried(os.read, kept[0], 4096) != -1
            return 77 if seen or "noticed" in kept else -1
        """,
        back=True,
    ),
    Message(
        "N19",
        "a fresh worker writes to a terminal that the module's worker has opened for all",
        """
        def ready():
            if (line := tried(os.open, "/dev/ptmx", os.O_RDWR | os.O_NONBLOCK)) < 0: return 0
            fcntl.ioctl(line, 0x40045431, struct.pack("i", 0))
            kept.append(line)
            name = "/dev/pts/%d" % struct.unpack("i", fcntl.ioctl(line, 0x80045430, bytes(4)))
            os.chmod(name, 0o666)
            return 1
        def leave(n):
            for name in glob.glob("/dev/pts/[0-9]*"): os.write(os.open(name, os.O_WRONLY | os.O_NOCTTY), b"%d" % n)
            return 0
        def find(left): return int(os.read(kept[0], 10)) if kept else -1
        """,
        back=True,
    ),
    Message(
        "N20",
        "a fresh worker writes to the module's worker by netlink",
        """
        def ready():
            try: kept.append(socket.socket(16, socket.SOCK_RAW, 2))
            except OSError: return 0
            kept[0].bind((4077, 0)); kept[0].setblocking(False)
            return 1
        def leave(n):
            try: line = socket.socket(16, socket.SOCK_RAW, 2)
            except OSError: return -1
            return tried(line.sendto, b"%d" % n, (4077, 0))
        def find(left): return int(kept[0].recv(10)) if kept else -1
        """,
        back=True,
    ),
    Message(
        "N21",
        "leaves the last states of TCP connections for the next worker, in the kernel's table",
        """
        def leave(n):
            try: door = socket.socket()
            except OSError: return -1
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); door.bind(("127.0.0.1", 9999)); door.listen(8)
            with socket.socket() as line:
                line.bind(("127.0.0.1", 20000 + n)); line.connect(("127.0.0.1", 9999)); there = door.accept()[0]
                line.shutdown(2); there.close()
            return 0
        def find(left): return 77 if ":%04X" % 20077 in open("/proc/net/tcp").read() else -1
        """,
    ),
    Message(
        "N22",
        "leaves a number in the kernel's count of UDP datagrams",
        """
        def counted():
            rows = [row.split() for row in open("/proc/net/snmp") if row.startswith("Udp:")]
            return int(rows[1][rows[0].index("OutDatagrams")])
        def leave(n):
            before = counted()
            try: line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            except OSError: return before
            for _ in range(n): line.sendto(b"x", ("127.0.0.1", 9))
            return before
        def find(left): return counted() - left or -1
        """,
    ),
    Message(
        "N27",
        "makes the next worker's folder before it comes, under every name that can be foreseen",
        """
        def leave(n):
            for name in [f"w{k}" for k in range(40)] + [str(os.getpid() + k) for k in range(1, 40)]:
                tried(os.mkdir, f"/scratch/{name}"); os.chmod(f"/scratch/{name}", 0o777)
                with open(f"/scratch/{name}/x", "w") as file: file.write(str(n))
            return 0
        def find(left): return int(open("x").read()) if os.path.exists("x") else -1
        """,
    ),
    Message(
        "N28",
        "a module's worker leaves processes that fork on and on, continue each other, and write while a fresh one runs",
        """
        def goes_on(n):
            while True:
                mine = f"/dev/shm/{os.getpid()}"
                with open(mine, "w") as file: file.write(str(n))
                os.chmod(mine, 0o777); os.replace(mine, "/dev/shm/x")
                for pid in others(): tried(os.kill, pid, signal.SIGCONT)
                if os.fork(): os._exit(0)
        def leave(n):
            for _ in range(3):
                if os.fork() == 0:
                    os.setsid(); signal.signal(signal.SIGCHLD, signal.SIG_IGN)
                    goes_on(n)
            return 0
        def find(left):
            end = time.monotonic() + 1
            while time.monotonic() < end:
                if os.path.exists("/dev/shm/x"): return int(open("/dev/shm/x").read())
            return -1
        """,
    ),
    Message(
        "N29",
        "a module's worker leaves processes that kill, stop and trace whoever stops and cleans",
        """
        def leave(n):
            for _ in range(3):
                if os.fork() == 0:
                    os.setsid()
                    while True:
                        for pid in others():
                            for number in (signal.SIGSTOP, signal.SIGKILL):
                                if pid not in own_processes(): tried(os.kill, pid, number)
            with open("/dev/shm/x", "w") as file: file.write(str(n))
            os.chmod("/dev/shm/x", 0o777)
            return 0
        def own_processes():
            return [os.getppid(), *range(os.getpid() - 4, os.getpid() + 4)]
        def find(left): return tried(lambda: int(open("/dev/shm/x").read()))
        """,
    ),
)
REACHES = {
    "N23": (
        "a module's worker reads what another was asked from its memory, and writes there, by /proc",
        """
        def victim():
            hidden(); return os.getpid()
        def reach(pid):
            for first, last in tried(mapped, pid) or []:
                with open(f"/proc/{pid}/mem", "r+b", 0) as memory:
                    memory.seek(first)
                    place = memory.read(last - first).find(b"hidden-input-77")
                    if place >= 0:
                        memory.seek(first + place); memory.write(b"hidden-input-66"); return 1
            return 0
        """,
    ),
    "N24": (
        "a module's worker reads another's memory, and writes there, by process_vm_readv and process_vm_writev",
        """
        def victim():
            return [os.getpid(), ctypes.addressof(hidden())]
        def reach(pid, place):
            secret = ctypes.create_string_buffer(b"hidden-input-66")
            here, there = struct.pack("2Q", ctypes.addressof(secret), 15), struct.pack("2Q", place, 15)
            wrote = call(311, pid, here, 1, there, 1, 0)
            return int(call(310, pid, here, 1, there, 1, 0) or wrote)
        """,
    ),
    "N30": (
        "opens the memory, the descriptors and the variables of who imports the framework for all",
        """
        def victim(): return os.getppid()
        def reach(keeper):
            seen = 0
            for pid in others():
                for what in ("mem", "environ", "fd/1", "map_files", "syscall"):
                    seen += tried(lambda: os.close(os.open(f"/proc/{pid}/{what}", os.O_RDONLY))) is None
                seen += tried(lambda: os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR))) is None
            return seen
        """,
    ),
    "N25": (
        "takes another's descriptors, traces it, and joins its name spaces",
        """
        def victim(): return os.getpid()
        def reach(pid):
            line = os.pidfd_open(pid)
            taken, traced, joined = call(438, line, 1, 0), call(101, 0x4206, pid, 0, 0), call(308, line, 0x40000000)
            return int(taken or traced or joined)
        """,
    ),
    "N26": (
        "kills, stops, slows down and limits another",
        """
        import resource
        def victim(): return os.getpid()
        def reach(pid):
            done = 0
            for step in (
                lambda: os.kill(pid, 0),
                lambda: os.kill(pid, signal.SIGSTOP),
                lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
                lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)),
                lambda: os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))}),
                lambda: resource.prlimit(pid, resource.RLIMIT_CPU, (1, 1)),
                lambda: signal.pidfd_send_signal(os.pidfd_open(pid), signal.SIGCONT),
            ): done += tried(step) != -1
            return done
        """,
    ),
}


@pytest.fixture
def folder(images, tmp_path):
    images("numpy")
    folder = tmp_path / "solution"
    folder.mkdir(mode=0o755)
    return folder


@contextmanager
def opened(folder, code, limits=LIMITS):
    """A session with a solution that is only this code: a way to ask a worker of it."""
    (folder / "solution.py").write_text(COMMON + MAPS + textwrap.dedent(code))
    with wall().open(SandboxSpec(folder, "numpy", limits, course=str(folder))) as channel:
        session = Session(channel, limits, folder)
        session.begin()
        yield session


def outcome(session, worker, name, *args):
    """An answer, or the name of what came instead of one."""
    try:
        return ask(session, worker, name, *args)
    except SubmissionFailure as failure:
        return type(failure).__name__


@pytest.mark.parametrize(
    "message",
    [pytest.param(case, marks=pytest.mark.attack(case.id, case.tries)) for case in MESSAGES],
    ids=lambda case: case.id,
)
def test_nothing_that_a_worker_leaves_reaches_another(attack, folder, message):
    code = textwrap.dedent(message.code)
    with bare(folder.parent / "bare") as look:
        passed_on = passes(look, COMMON + code, message.back, MESSAGE)
    attack.fired(passed_on == MESSAGE, f"between two processes that nobody keeps apart: {passed_on}")
    outcomes = {}
    with opened(folder, message.code) as session:
        modules = session.worker(20.0)
        if message.back:
            outcome(session, modules, "ready")
            writer, reader = session.worker(20.0), modules
        else:
            writer, reader = modules, None
        message_sent = outcome(session, writer, "leave", MESSAGE)
        if message.back:
            session.end(writer)
            outcomes["back"] = outcome(session, reader, "find", message_sent)
        else:
            for who in ("beside it", "after it"):
                reader = session.worker(20.0)
                outcomes[who] = outcome(session, reader, "find", message_sent)
                session.end(reader)
                if not writer.ended:
                    session.end(writer)
        again = session.worker(20.0)
        assert outcome(session, again, "others") != []
        session.end(again)
    attack.came_to(", ".join(f"{who}: {got}" for who, got in outcomes.items()))
    assert MESSAGE not in outcomes.values()


@pytest.mark.parametrize(
    ("id", "code"),
    [pytest.param(id, code, marks=pytest.mark.attack(id, tries)) for id, (tries, code) in REACHES.items()],
    ids=list(REACHES),
)
def test_no_worker_reaches_into_another(attack, folder, id, code):
    with bare(folder.parent / "bare", security_opt=["seccomp=unconfined"]) as look:
        seen = look(f"reached({COMMON + MAPS + textwrap.dedent(code)!r})")
    attack.fired(bool(seen), f"between two processes of one user: {seen}")
    outcomes = {}
    with opened(folder, code) as session:
        first, second = session.worker(20.0), session.worker(20.0)
        for name, victim, other in (("module to fresh", second, first), ("fresh to module", first, second)):
            where = ask(session, victim, "victim")
            outcomes[name] = outcome(session, other, "reach", *(where if isinstance(where, list) else [where]))
            assert outcome(session, victim, "victim") not in ("ProcessEnded", "WallLimit")
    attack.came_to(", ".join(f"{who}: {got}" for who, got in outcomes.items()))
    assert set(outcomes.values()) <= {0, "Raised"}
