"""Class N: attempts to get out, by the real path: to the network, to the machine, to other processes.

Every group answers rightly, but in one hidden test it first tries to escape, and fails that test on purpose where it
could not: so an escape is a full mark. `attack` gives the names of what it achieved. Each control runs the same code
where the guard is off: in a container of the same image without the option, or on this machine, which it only looks at.
No address is ever asked for but this machine's own loopback.
"""

import ast
import socket
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.attacks.bare import ROOT, achieves, bare, shows
from tests.attacks.course import FULL, RIGHT, attacked, solution
from tests.attacks.walls import behind_the_wall

pytestmark = behind_the_wall
RAISED = "the call raised an exception"
LOST = 10.0
"""Points of the one test in which an attempt was made."""
UNCONFINED = {"security_opt": ["seccomp=unconfined"]}
TRY = '''
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)

def worked(attempts):
    """The names of the attempts that raise nothing and come to nothing false."""
    done = []
    for name, attempt in attempts.items():
        try:
            if attempt(): done.append(name)
        except (OSError, ValueError): pass
    return done

def call(*words):
    return libc.syscall(*words) >= 0

def opens(path, flags=os.O_RDONLY):
    os.close(os.open(path, flags))
    return True
'''


@dataclass(frozen=True)
class Escape:
    """An attempt to get out; `code` defines `attack`, whose value are the names of what was achieved."""

    id: str
    tries: str
    code: str
    shown: tuple[str, ...]
    """What must be achieved where the guard is off."""
    lifted: dict | None = field(default_factory=dict)
    """What is lifted from the seal for the control; None: the control runs on this machine."""


ESCAPES = (
    Escape(
        "N01",
        "connects by TCP, UDP and an abstract socket to who listens on the machine",
        """
        def attack():
            def tcp():
                socket.create_connection(("127.0.0.1", TCP), 2).close()
                return True
            def udp():
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
                    line.connect(("127.0.0.1", UDP)); line.settimeout(1); line.send(b"out")
                    return line.recv(10) == b"back"
            def abstract():
                with socket.socket(socket.AF_UNIX) as line: line.connect(NAME)
                return True
            return worked({"tcp": tcp, "udp": udp, "abstract": abstract})
        """,
        ("tcp", "udp", "abstract"),
        {"network_mode": "host"},
    ),
    Escape(
        "N02",
        "looks for a way out: devices, routes, a name server that answers, the engine's socket",
        """
        def attack():
            return worked({
                "device": lambda: set(os.listdir("/sys/class/net")) - {"lo"},
                "route": lambda: len(open("/proc/net/route").readlines()) > 1,
                "socket": lambda: any(map(os.path.exists, ("/var/run/docker.sock", "/run/docker.sock"))),
            })
        """,
        ("device", "route", "socket"),
        None,
    ),
    Escape(
        "N03",
        "opens sockets that no network namespace confines, or that see everyone's packets",
        """
        def attack():
            return worked({
                "vsock": lambda: socket.socket(40, socket.SOCK_STREAM).close() is None,
                "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close() is None,
                "packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3).close() is None,
            })
        """,
        ("vsock", "raw", "packet"),
        {"cap_add": [*ROOT, "NET_RAW"]},
    ),
    Escape(
        "N04",
        "makes itself root: by its ids, a set-user-id program, a name space, a mount, a device, another root",
        """
        import stat
        def attack():
            def namespace():
                child = os.fork()
                if child == 0: os._exit(0 if call(272, 0x10000000) else 1)
                return os.waitpid(child, 0)[1] == 0
            def mount():
                child = os.fork()
                if child == 0:
                    mounted = call(272, 0x10020000) and libc.mount(b"x", b"/zygote", b"tmpfs", 0, 0) == 0
                    os._exit(0 if mounted else 1)
                return os.waitpid(child, 0)[1] == 0
            def marked():
                if "NoNewPrivs:\\t0" not in open("/proc/self/status").read(): return False
                for top in ("/usr", "/bin", "/opt", "/solution", "/medmark"):
                    for folder, _, files in os.walk(top):
                        for name in files:
                            path = os.path.join(folder, name)
                            if os.lstat(path).st_mode & 0o170000 == stat.S_IFREG:
                                if os.lstat(path).st_mode & (stat.S_ISUID | stat.S_ISGID): return True
                return False
            def root():
                os.setresuid(0, 0, 0)
                return os.getuid() == 0
            def capable():
                rows = [row.split() for row in open("/proc/self/status") if row.startswith("Cap")]
                return any(int(value, 16) for name, value in rows if name != "CapBnd:")
            return worked({
                "namespace": namespace, "mount": mount, "program": marked, "root": root, "capable": capable,
                "device": lambda: os.mknod("/scratch/x", 0o20666, os.makedev(1, 3)) is None,
                "chroot": lambda: os.chroot("/solution") is None,
            })
        """,
        ("namespace", "mount", "root", "capable", "device", "chroot"),
        {**UNCONFINED, "cap_add": [*ROOT, "MKNOD", "SYS_CHROOT"]},
    ),
    Escape(
        "N31",
        "makes itself a name space by each call that can: clone, clone3, unshare",
        """
        import struct
        def attack():
            def made(*words):
                pid = libc.syscall(*words)
                if pid == 0: os._exit(0)
                return pid > 0 and os.waitpid(pid, 0)[0] == pid
            def unshared():
                child = os.fork()
                if child == 0: os._exit(0 if call(272, 0x10000000) else 1)
                return os.waitpid(child, 0)[1] == 0
            wanted = struct.pack("8Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0)
            return worked({
                "clone": lambda: made(56, 0x10000000 | 17, 0, 0, 0, 0),
                "clone3": lambda: made(435, wanted, len(wanted)),
                "unshare": unshared,
            })
        """,
        ("clone", "clone3", "unshare"),
        UNCONFINED,
    ),
    Escape(
        "N05",
        "asks the kernel for what no solution needs: keyrings, tracing, other memory, rings, System V objects",
        """
        import signal, struct, time
        def attack():
            def traced():
                child = os.fork()
                if child == 0: time.sleep(5); os._exit(0)
                try: return libc.ptrace(0x4206, child, 0, 0) == 0
                finally: os.kill(child, signal.SIGKILL); os.waitpid(child, 0)
            return worked({
                "key": lambda: call(248, b"user", b"medmark", b"y", 1, -1),
                "keyring": lambda: call(250, 0, -3, 0),
                "traced": traced,
                "ring": lambda: call(425, 8, ctypes.create_string_buffer(200)),
                "shared": lambda: call(29, 0, 4096, 0o1600),
                "messages": lambda: call(68, 0, 0o1600),
                "bpf": lambda: call(321, 0, ctypes.create_string_buffer(struct.pack("4I", 2, 4, 4, 1), 128), 72),
                "faults": lambda: call(323, 0),
                "perf": lambda: call(298, ctypes.create_string_buffer(struct.pack("2I", 1, 112), 128), 0, -1, -1, 0),
            })
        """,
        ("key", "keyring", "traced", "ring", "shared", "messages"),
        UNCONFINED,
    ),
    Escape(
        "N06",
        "writes into every mount but its scratch and what is emptied after it",
        """
        def attack():
            def writes(place):
                path = place
                if os.path.isdir(place): path = os.path.join(place, ".written")
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
                return True
            own = ("/scratch", "/dev/shm", "/dev/mqueue", "/dev/", "/proc/")
            places = {row.split()[4] for row in open("/proc/self/mountinfo")} | {"/etc", "/usr", "/zygote", "/medmark"}
            places = {place for place in places if not (place + "/").startswith(own) or place == "/dev"}
            return worked({place: lambda place=place: writes(place) for place in places})
        """,
        ("/", "/dev", "/etc", "/zygote"),
        {"read_only": False},
    ),
    Escape(
        "N07",
        "reads what other processes are, hold, and were told",
        """
        def attack():
            found = set()
            for pid in (name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()):
                found |= set(worked({
                    "environ": lambda: opens(f"/proc/{pid}/environ") and open(f"/proc/{pid}/environ", "rb").read(1),
                    "memory": lambda: opens(f"/proc/{pid}/mem"),
                    "descriptors": lambda: os.listdir(f"/proc/{pid}/fd"),
                    "root": lambda: os.listdir(f"/proc/{pid}/root"),
                    "folder": lambda: os.readlink(f"/proc/{pid}/cwd"),
                    "wire": lambda: opens(f"/proc/{pid}/fd/1", os.O_WRONLY),
                }))
            found |= set(worked({"zygote": lambda: os.listdir("/zygote") is not None}))
            return sorted(found)
        """,
        ("environ", "memory", "descriptors", "root", "folder", "wire", "zygote"),
    ),
    Escape(
        "N08",
        "opens the kernel's switches and the machine's memory",
        """
        def attack():
            places = ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory", "/proc/sysrq-trigger",
                      "/proc/sys/kernel/shmmax", "/proc/1/oom_score_adj", "/proc/1/comm")
            groups = [os.path.join(folder, name)
                      for folder, _, names in os.walk("/sys/fs/cgroup") for name in names
                      if name in ("cgroup.procs", "tasks", "release_agent", "memory.limit_in_bytes", "memory.max")]
            def some(paths):
                return any(worked({path: lambda path=path: opens(path, os.O_WRONLY) for path in paths}))
            return worked({
                **{place: lambda place=place: opens(place, os.O_WRONLY) for place in places},
                "control groups": lambda: some(groups),
                "memory": lambda: any(os.path.exists(path) and opens(path) for path in ("/dev/mem", "/dev/kmsg")),
            })
        """,
        ("/proc/sys/kernel/core_pattern", "/proc/1/oom_score_adj", "control groups", "memory"),
        None,
    ),
    Escape(
        "N09",
        "reads the course: other groups' folders, the hidden tests, the ledger, this machine's files",
        """
        def attack():
            return worked({
                "course": lambda: os.listdir(COURSE),
                "toolkit": lambda: os.listdir(TOOLKIT),
                "users": lambda: len(open("/etc/passwd").readlines()) > 3,
                "processes": lambda: max(int(name) for name in os.listdir("/proc") if name.isdigit()) > 2000,
            })
        """,
        ("course", "toolkit", "users"),
        None,
    ),
)
LEAVES = '''
import ctypes, os, socket

def leave():
    """All that could make the cleaner of the scratch folder go astray, or run for ever."""
    for folder in (".", "/dev/shm"):
        for name, target in (("solution", "/solution"), ("zygote", "/zygote"), ("loop", "loop"), ("root", "/")):
            os.symlink(target, f"{folder}/{name}")
        for name in (b"\\xff\\xfe", b"new\\nline", b"-rf", b" ", b"\\x1b]0;x\\x07", b"n" * 255):
            os.close(os.open(os.path.join(os.fsencode(folder), name), os.O_CREAT))
        os.mkfifo(f"{folder}/pipe")
        os.mkdir(f"{folder}/closed"); os.mkdir(f"{folder}/closed/in"); os.chmod(f"{folder}/closed", 0)
    os.link("/dev/shm/pipe", "/dev/shm/same")
    with socket.socket(socket.AF_UNIX) as line: line.bind("socket")
    ctypes.CDLL(None).mq_open(b"/left", 0o102, 0o600, None)
    here = os.getcwd()
    os.chdir("/dev/shm")
    for _ in range(400):
        os.mkdir("d" * 200); os.chdir("d" * 200)
    os.chdir(here)
    os.rename(here, here + "-elsewhere")
    os.symlink("/dev/shm", here)

def left():
    found = {"/dev/mqueue/left"} if os.path.lexists("/dev/mqueue/left") else set()
    for folder, own in (("/dev/shm", 1), ("/scratch", 2)):
        try: found |= set(os.listdir(folder)) - {os.path.basename(os.getcwd())}
        except PermissionError:  # everybody can read the number of files there
            told = os.statvfs(folder)
            if told.f_files - told.f_ffree != own: found.add(folder)
    return sorted(found)
'''
SETUP = "open({marker!r}, 'w').write('ran')\n"
HOOK = '[build-system]\nrequires = []\nbuild-backend = "setup"\nbackend-path = ["."]\n'


@pytest.fixture(scope="module")
def listeners():
    """Who listens on this machine's loopback, by the names that the attacks use."""
    name = f"\0medmark-attack-{socket.gethostname()}"
    with (
        socket.socket() as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        tcp.bind(("127.0.0.1", 0))
        tcp.listen(8)
        udp.bind(("127.0.0.1", 0))
        abstract.bind(name)
        abstract.listen(8)
        with subprocess.Popen([sys.executable, "-c", ANSWERS, str(udp.fileno())], pass_fds=[udp.fileno()]) as answers:
            yield {"TCP": tcp.getsockname()[1], "UDP": udp.getsockname()[1], "NAME": name}
            answers.kill()


ANSWERS = """
import socket, sys
line = socket.socket(fileno=int(sys.argv[1]))
while True:
    line.sendto(b"back", line.recvfrom(10)[1])
"""


@pytest.fixture(scope="module")
def sandbox_places(listeners, tmp_path_factory):
    """What stands for itself in the attacks: ports, and folders of this machine."""
    folder = tmp_path_factory.mktemp("escape")
    return {**listeners, "COURSE": str(folder / "course"), "TOOLKIT": str(folder.parent)}


@pytest.fixture(scope="module")
def course(images, sandbox_places, tmp_path_factory):
    images("numpy")
    marker = str(tmp_path_factory.getbasetemp() / "built")
    groups = {escape.id.lower(): solution(armed(escape, sandbox_places)) for escape in ESCAPES}
    groups["n10"] = solution(leaving())
    groups["n11"] = {
        **solution(RIGHT),
        **{name: SETUP.format(marker=marker) for name in ("setup.py", "target/setup.py", "sitecustomize.py")},
        "target/conftest.py": SETUP.format(marker=marker),
        "pyproject.toml": HOOK,
        "requirements.txt": "-e .\n",
    }
    return attacked(Path(sandbox_places["COURSE"]), {**groups, "z-last": solution(RIGHT)})


def code_of(escape, sandbox_places):
    named = "".join(f"{name} = {value!r}\n" for name, value in sandbox_places.items())
    return TRY + named + textwrap.dedent(escape.code)


def armed(escape, sandbox_places):
    call = (
        "def fast_sum(n):\n    if n > 10**8:\n        print(achieved := attack())\n"
        "        if not achieved: raise PermissionError('contained')\n"
    )
    return RIGHT.replace("def fast_sum(n):\n", call) + code_of(escape, sandbox_places)


def leaving():
    """Leaves all that it can in one test; what it then finds before it learns costs its accuracy."""
    text = RIGHT.replace("def fast_sum(n):\n", "def fast_sum(n):\n    if n > 10**8: leave()\n")
    return text.replace("budget_s):\n", "budget_s):\n    if found := left(): raise OSError(found)\n") + LEAVES


def on_this_machine(code):
    """What the attack achieves here, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code + "\nprint(attack())"], capture_output=True, text=True, check=True
    )
    return ast.literal_eval(done.stdout)


@pytest.mark.parametrize(
    "escape",
    [pytest.param(escape_case, marks=pytest.mark.attack(escape_case.id, escape_case.tries)) for escape_case in ESCAPES],
    ids=lambda escape_case: escape_case.id,
)
def test_nothing_gets_out(attack, course, sandbox_places, escape, tmp_path):
    code = code_of(escape, sandbox_places)
    if escape.lifted is None:
        achieved, where = on_this_machine(code), "on this machine"
    else:
        where = f"without {', '.join(escape.lifted) or 'a keeper, as root'}"
        with bare(tmp_path / "solution", **escape.lifted) as look:
            achieved = achieves(look, code)
    missing = set(escape.shown) - set(achieved)
    attack.fired(not missing, f"{where}: {', '.join(map(str, achieved))}{f', but not {missing}' if missing else ''}")
    name = escape.id.lower()
    test = next(finding for finding in course.marks[name]["findings"] if finding["id"].endswith("test_sum_is_fast"))
    attack.came_to(f"{course.points(name):g} points of 100: {', '.join(course.reasons(name))}; {text_of(test)}")
    assert course.points(name) == course.points("z-last") - LOST
    assert course.reasons(name) == [RAISED]
    assert "contained" in test["evidence"]


def text_of(test):
    return f"achieved {test['evidence'].partition('printed:')[2].strip() or 'nothing'}"


@pytest.mark.attack(
    "N10", "leads astray who empties the scratch folder: links, odd names, a deep tree, a link in its place"
)
def test_what_a_test_leaves_is_gone_for_the_next_and_nothing_else_is(attack, course, tmp_path):
    code = LEAVES + "\ndef attack():\n    os.mkdir('w1'); os.chdir('w1'); leave(); os.chdir('/'); return left()\n"
    with bare(tmp_path / "solution") as look:
        fired = shows(look, code, "b'loop' in printed and b'zygote' in printed and b'-elsewhere' in printed")
    attack.fired(fired, "where nobody empties it, all of it is found by the next")
    attack.came_to(f"{course.points('n10'):g} points of 100: {', '.join(course.reasons('n10')) or 'nothing was left'}")
    assert course.points("n10") == course.points("z-last")


@pytest.mark.attack("N11", "has its own code run where a repository is built or collected")
def test_nothing_of_a_repository_is_built_or_installed(attack, course, tmp_path, tmp_path_factory):
    marker = tmp_path_factory.getbasetemp() / "built"
    before = marker.exists()
    script = tmp_path / "setup.py"
    script.write_text(SETUP.format(marker=str(tmp_path / "control")))
    subprocess.run([sys.executable, "setup.py", "install"], cwd=tmp_path, check=True)
    attack.fired((tmp_path / "control").exists(), "python setup.py install")
    attack.came_to(f"{course.points('n11'):g} points of 100; the file that its code writes: {before}")
    assert not before
    assert course.points("n11") == course.points("z-last")
    assert course.points("n11", "tests") == FULL
