"""Class R: attacks on the machine's time, memory and disk, by the real path.

One course is attacked by one group for each attack. Every group answers rightly but in one hidden test, where its
attack strikes: so its mark must be full but for that test, and the reason the one that fits. Two honest groups, first
and last, lose nothing. Each control runs the same code in a container with far limits that nobody watches.
"""

import os
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from assignments.assignment import Limits
from graders.failures import CpuLimit, WallLimit
from graders.runs.cohort import identity_of
from graders.wall.sandboxes.docker import Docker
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from tests.attacks.bare import bare, shows
from tests.attacks.course import FULL, RIGHT, attacked, solution, watched
from tests.attacks.walls import behind_the_wall, wall

pytestmark = behind_the_wall
CPU = "the CPU time limit was reached"
WALL = "the time limit was reached while waiting"
MEMORY = "the memory limit was reached"
ENDED = "the process ended before it answered"
LARGE = "the answer is too large"
RAISED = "the call raised an exception"
UNREADABLE = "the answer could not be read"
LOST = 10.0
"""Points of the one test in which an attack strikes."""


@dataclass(frozen=True)
class Bomb:
    """An attack; `code` defines `attack`, whose value is the answer."""

    id: str
    tries: str
    code: str
    reasons: tuple[str, ...]
    """Any of these is the right verdict; none: the test passes all the same."""
    symptom: str
    """An expression over the names of `bare.LOOKS`: its value in an unguarded container is the control."""
    seconds: float = 5.0


RUNS_ON = "left < 2.5 and alive(child)"
BOMBS = (
    Bomb("R01", "loops without end", "def attack():\n    while True: pass", (CPU, WALL), RUNS_ON),
    Bomb("R02", "waits without using the CPU", "import time\ndef attack(): time.sleep(600)", (WALL,), RUNS_ON),
    Bomb(
        "R03",
        "ignores every signal there is, and waits in C",
        """
        import ctypes, signal
        def attack():
            for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
            while True: ctypes.CDLL(None).pause()
        """,
        (WALL,),
        "left < 2.5 and (os.kill(child, 15), os.kill(child, 1), alive(child))[2]",
    ),
    Bomb(
        "R04",
        "forks without end",
        """
        import os
        def attack():
            while True:
                try: os.fork()
                except OSError: pass
        """,
        (CPU, WALL),
        "threads() > 350",
        20.0,
    ),
    Bomb(
        "R05",
        "starts threads until there is no room for any process, and holds them",
        """
        import threading, time
        def attack():
            while True:
                try: threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
                except RuntimeError: time.sleep(600)
        """,
        (WALL,),
        "threads() > 350",
        20.0,
    ),
    Bomb(
        "R06",
        "fills memory of its own",
        "def attack():\n    kept = []\n    while True: kept.append(b'x' * 2**20)",
        (MEMORY,),
        "held_mb() > 400",
    ),
    Bomb(
        "R07",
        "fills memory that it shares with children",
        """
        import mmap, os
        def attack():
            kept = []
            while len(kept) < 600:
                kept.append(mmap.mmap(-1, 2**20)); kept[-1].write(b'x' * 2**20)
                if len(kept) == 10: os.fork()
        """,
        (MEMORY, RAISED, ENDED, WALL),
        "held_mb() > 400",
    ),
    Bomb(
        "R08",
        "fills memory by files that have no name, and makes itself small before the kernel",
        """
        import os
        def attack():
            open("/proc/self/oom_score_adj", "w").write("0")
            file = os.memfd_create("x")
            for _ in range(600): os.write(file, b'x' * 2**20)
        """,
        (MEMORY, RAISED, ENDED),
        "held_mb() > 80",
    ),
    Bomb(
        "R09",
        "opens descriptors without end",
        """
        import os
        def attack():
            kept = []
            while True:
                try: kept.append(os.open("/dev/null", os.O_RDONLY))
                except OSError: os.write(1, b"%d\\n" % len(kept)); raise
        """,
        (RAISED,),
        "printed and int(printed) > 5000",
    ),
    Bomb(
        "R10",
        "fills the disk, the shared memory and the message queues with bytes",
        """
        import ctypes
        def attack():
            for folder in (".", "/dev/shm"):
                with open(folder + "/full", "wb") as file:
                    try:
                        for _ in range(60): file.write(b'x' * 2**20); file.flush()
                    except OSError: continue
            for n in range(300): ctypes.CDLL(None).mq_open(b"/q%d" % n, 0o102, 0o600, None)
            raise OSError("full")
        """,
        (RAISED,),
        "used('/scratch')[0] > 50 and used('/dev/shm')[0] > 50",
    ),
    Bomb(
        "R11",
        "makes empty files without end, on disk and in shared memory",
        """
        def attack():
            for folder in (".", "/dev/shm"):
                try:
                    for n in range(10_000): open(f"{folder}/{n}", "w").close()
                except OSError: continue
            raise OSError("full")
        """,
        (RAISED,),
        "used('/scratch')[1] > 5000 and used('/dev/shm')[1] > 5000",
    ),
    Bomb(
        "R12",
        "makes a file that claims a terabyte",
        "def attack():\n    with open('sparse', 'wb') as file: file.truncate(2**40)\n    return 1",
        (RAISED,),
        "os.stat('/scratch/sparse').st_size == 2**40",
    ),
    Bomb(
        "R13",
        "prints without end",
        "import os\ndef attack():\n    while True: os.write(1, b'x' * 65536); os.write(2, b'y' * 65536)",
        (CPU, WALL),
        "len(printed) > 100_000",
    ),
    Bomb(
        "R14",
        "burns CPU time in children that live on",
        """
        import os, time
        def attack():
            for _ in range(4):
                if os.fork() == 0:
                    os.setsid()
                    while True: pass
            time.sleep(600)
        """,
        (CPU, WALL),
        "cpu_s() > 2 + 0 * alive(child)",
        8.0,
    ),
    Bomb(
        "R15",
        "burns CPU time in children that it has waited for",
        """
        import os, time
        def attack():
            for _ in range(600):
                child = os.fork()
                if child == 0:
                    while time.process_time() < 0.5: pass
                    os._exit(0)
                os.waitpid(child, 0)
        """,
        (CPU, WALL),
        "left < 2 and alive(child)",
        5.0,
    ),
    Bomb(
        "R16",
        "burns CPU time in children that nobody waits for, so that no account shows it",
        """
        import os, signal, time
        def attack():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            for _ in range(600):
                if os.fork() == 0:
                    while time.process_time() < 0.3: pass
                    os._exit(0)
                time.sleep(0.3)
        """,
        (CPU, WALL),
        "left < 2 and sum(map(int, open(f'/proc/{child}/stat').read().rpartition(')')[2].split()[11:15])) < 30",
        5.0,
    ),
    Bomb(
        "R17",
        "stops itself, so that it neither runs nor ends",
        "import os, signal\ndef attack(): os.kill(os.getpid(), signal.SIGSTOP)",
        (WALL,),
        RUNS_ON,
    ),
    Bomb(
        "R18",
        "lets a detached child trace it, so that its parent waits for ever",
        """
        import ctypes, os, time
        def attack():
            me, libc = os.getpid(), ctypes.CDLL(None, use_errno=True)
            libc.prctl(0x59616d61, -1, 0, 0, 0)
            read, write = os.pipe()
            if os.fork() == 0:
                os.setsid()
                held = libc.ptrace(0x4206, me, 0, 0) == 0
                os.write(write, b"y" if held else b"n")
                time.sleep(600)
            if os.read(read, 1) == b"n": raise PermissionError("not traced")
            time.sleep(600)
        """,
        (RAISED, WALL),
        "int(open(f'/proc/{child}/status').read().partition('TracerPid:')[2].split()[0]) > 0",
    ),
    Bomb(
        "R19",
        "leaves detached children that use the CPU and stop every process they can find",
        """
        import os, signal
        def attack():
            for _ in range(3):
                if os.fork() == 0:
                    os.setsid()
                    if os.fork(): os._exit(0)
                    while True:
                        for name in os.listdir("/proc"):
                            try: int(name) > 1 and int(name) != os.getpid() and os.kill(int(name), signal.SIGSTOP)
                            except (OSError, ValueError): pass
            return 1
        """,
        (WALL, CPU, "the answer is not the expected one"),
        "threads() > 3 and open(f'/proc/{child}/stat').read().rpartition(')')[2].split()[0] in 'TZ'",
    ),
    Bomb(
        "R20",
        "raises its own limits, and gives itself way before all others",
        """
        import os, resource
        def attack():
            done = []
            for kind in (resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
                try: resource.setrlimit(kind, (2**40, 2**40)); done.append(kind)
                except (OSError, ValueError): pass
            for step in (
                lambda: os.nice(-5),
                lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
                lambda: resource.prlimit(1, resource.RLIMIT_CORE, (0, 0)),
                lambda: os.sched_setaffinity(1, {0}),
                lambda: os.setpriority(os.PRIO_PROCESS, 1, 19),
                lambda: os.close(os.open("/proc/1/oom_score_adj", os.O_WRONLY)),
            ):
                try: step(); done.append(step)
                except OSError: pass
            if not done: raise PermissionError("nothing is mine to change")
            return len(done)
        """,
        (RAISED,),
        "printed and int(printed) >= 2",
    ),
    Bomb(
        "R21",
        "kills, stops and hangs up on whoever may mark it",
        """
        import os, signal
        def attack():
            done = []
            for name in [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]:
                for number in (signal.SIGHUP, signal.SIGSTOP, signal.SIGKILL):
                    try: os.kill(int(name), number); done.append(name)
                    except OSError: pass
            if not done: raise PermissionError("nobody is mine to kill")
            return len(done)
        """,
        (RAISED,),
        "printed and int(printed) >= 1",
    ),
    Bomb(
        "R22",
        "keeps memory in System V objects, which outlive every process",
        """
        import ctypes
        def attack():
            libc = ctypes.CDLL(None, use_errno=True)
            kept = [libc.shmget(0, 20 * 2**20, 0o1600) for _ in range(3)]
            kept += [libc.msgget(0, 0o1600), libc.semget(0, 1, 0o1600)]
            if max(kept) < 0: raise PermissionError("refused")
            return len([one for one in kept if one >= 0])
        """,
        (RAISED,),
        "printed == b'5'",
    ),
)


@pytest.fixture
def look(images, tmp_path):
    """A bare container of one attack's own: what it counts starts at nothing, and what it breaks is its own."""
    images("numpy")
    with bare(tmp_path / "bare") as look:
        yield look


@pytest.fixture(scope="module")
def course(images, tmp_path_factory):
    images("numpy")
    groups = {"a-first": solution(RIGHT), **{bomb.id.lower(): solution(armed(bomb.code)) for bomb in BOMBS}}
    folder = tmp_path_factory.mktemp("resources")
    temporary = folder / "tmp"
    temporary.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        return attacked(folder / "course", {**groups, "z-last": solution(RIGHT)})


def armed(code, base=RIGHT):
    """The honest answer, but where the hidden test of speed asks: there it attacks."""
    call = "def fast_sum(n):\n    if n > 10**8:\n        return attack()\n"
    return base.replace("def fast_sum(n):\n", call) + "\n\n" + textwrap.dedent(code)


def processes_of(course):
    """Ids of the coordinators, markers, keepers, zygotes and workers that this course's marking started.

    On the host they have its folder for temporary files; in a container its copy of the solution is mounted.
    """
    parent = course.folder.parent
    solutions = f"/{parent.parent.name}/{parent.name}/"  # a mount names its place from its file system's root on
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
            mounts = [row.split() for row in (process / "mountinfo").read_text().splitlines()]
        except OSError:  # it ended meanwhile, or belongs to somebody else
            continue
        here = f"TMPDIR={parent}/tmp".encode() in variables
        if here or any(row[4] == "/solution" and solutions in row[3] for row in mounts):
            pids.append(process.name)
    return pids


def containers_of(course):
    """What is left of the containers that this course's marking started."""
    client = docker.APIClient()
    try:
        containers = client.containers(all=True, filters={"label": [f"medmark.course={identity_of(course)}"]})
    finally:
        client.close()
    return [container["Id"] for container in containers]


@pytest.mark.parametrize(
    "bomb", [pytest.param(bomb, marks=pytest.mark.attack(bomb.id, bomb.tries)) for bomb in BOMBS], ids=lambda b: b.id
)
def test_an_attack_costs_the_test_it_strikes_in_and_nothing_else(attack, look, course, bomb):
    attack.fired(shows(look, bomb.code, bomb.symptom, bomb.seconds), f"unwatched: {bomb.symptom}")
    mark = course.marks[bomb.id.lower()]
    points, reasons = course.points(bomb.id.lower()), course.reasons(bomb.id.lower())
    attack.came_to(f"{points:g} points of 100: {', '.join(reasons) or mark['status']}")
    assert mark["status"] == "marked"
    assert points == course.points("z-last") - LOST
    assert len(reasons) == 1
    assert reasons[0] in bomb.reasons


@pytest.mark.attack("R30", "all of these at once: to cost honest groups, or to leave something behind")
def test_the_groups_before_and_after_have_full_marks_and_nothing_is_left(attack, course):
    struck = all(course.marks[bomb.id.lower()]["status"] == "marked" for bomb in BOMBS)
    spec = SandboxSpec(course.folder.parent / "still-here", "numpy", Limits(), course=identity_of(course))
    spec.solution.mkdir(mode=0o755)
    with wall().open(spec) as channel:
        Session(channel, spec.limits).begin()
        seen = len(containers_of(course)), len(processes_of(course))
    is_seen = seen[0] == isinstance(wall(), Docker) and seen[1] >= 2  # the keeper and the zygote
    attack.fired(struck and is_seen, f"every attack above has struck; a sandbox that is there is seen: {seen}")
    honest = {group: course.points(group) for group in ("a-first", "z-last")}
    left = {
        "containers": containers_of(course),
        "processes": processes_of(course),
        "temporary files": os.listdir(course.folder.parent / "tmp"),
    }
    attack.came_to(f"honest groups {honest}; left: {left}")
    assert honest["a-first"] == honest["z-last"]
    assert course.points("a-first", "tests") == FULL
    assert not any(left.values())


FLOODS = {
    "prints": "def attack():\n    for _ in range(2 * 2**14): os.write(1, bytes(2**16))\n    return n_th(10**9)",
    "frames": """
def attack():
    frame = struct.pack("<II", 2, 2**19) + b"{}" + bytes(2**19)
    while True:
        for fd in ends():
            try: os.write(fd, frame)
            except OSError: pass
""",
    "reply": """
def attack():
    for fd in ends():
        try: os.write(fd, struct.pack("<II", 2, 2**30) + b"{}")
        except OSError: continue
        while True: os.write(fd, bytes(2**20))
""",
}
ENDS = """
import os, struct

def n_th(n): return n

def ends():
    return [fd for fd in range(3, 64) if os.path.exists(f"/proc/self/fd/{fd}")]
"""
GROWTH_MB = 50
GONE_S = 5.0
"""From a worker's limit to a container that the engine no longer knows, where no more processes wait than cores run."""


@pytest.mark.attack("R31", "sends two gigabytes: as prints, as frames that nobody asked for, as a reply without end")
def test_the_markers_memory_does_not_grow_with_what_a_solution_sends(attack, images, look, tmp_path):
    images("numpy")
    sends = ENDS + FLOODS["prints"].replace("n_th(10**9)", "1")
    attack.fired(shows(look, sends, "len(printed) > 200 * 2**20", 20.0), "unwatched, a reader holds 200 MB and more")
    _, calm = watched(tmp_path / "calm", {"honest": solution(RIGHT)})
    groups = {name: solution(armed(ENDS + code)) for name, code in FLOODS.items()}
    _, flooded = watched(tmp_path / "flooded", groups)
    growth = {who: flooded[who] - calm[who] for who in calm}
    attack.came_to(", ".join(f"the {who} grew by {mb:.0f} MB from {calm[who]:.0f}" for who, mb in growth.items()))
    assert all(mb < GROWTH_MB for mb in growth.values())


@pytest.mark.attack("R32", "outlives its time limit: asleep, deaf, stopped, or forking without end")
def test_a_container_is_gone_soon_after_its_limit(attack, images, look, tmp_path):
    images("numpy")
    strikes = {bomb.id: bomb.code for bomb in BOMBS if bomb.id in ("R02", "R03", "R04", "R17")}
    attack.fired(shows(look, strikes["R03"], RUNS_ON), "unwatched, it runs on")
    took = {}
    for id, code in strikes.items():
        folder = tmp_path / id
        folder.mkdir()
        (folder / "solution.py").write_text(textwrap.dedent(code))
        for parent in (tmp_path, folder):
            parent.chmod(0o755)
        limits = Limits(memory_mb=256, scratch_mb=16, processes=64)
        with wall().open(SandboxSpec(folder, "numpy", limits, course=id)) as channel:
            session = Session(channel, limits, folder)
            session.begin()
            worker = session.worker(0.5)
            words = {"do": "call", "name": "attack", "on": None, "args": [], "kwargs": {"d": {}}, "tensors": False}
            began = time.monotonic()
            with pytest.raises((CpuLimit, WallLimit)):
                session.call(worker, {**words, "arrays": []}, [])
        took[id] = time.monotonic() - began - worker.wall_s
    attack.came_to(", ".join(f"{id} gone {seconds:.1f} s after its limit" for id, seconds in took.items()))
    crowd = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert max(took.values()) < GONE_S * crowd
