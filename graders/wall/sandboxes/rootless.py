"""Sandboxes that an ordinary user starts, without a daemon: bubblewrap, podman and apptainer.

Each program gives name spaces without a network, a read-only root, and a user id for each worker; the rest is the
same for all of them, since `graders.wall.inside.settling` does it inside. Where this user has no ids for workers, all
of them would be one user, and one could open another's memory: then `isolates` is False, and `weakness` says why.

The kernel limits each process's memory. A scheduler's control group, where there is one, limits all of them together.
"""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from assignments.assignment import Framework
from graders.failures import EngineFailure, ImageFailure
from graders.wall.modes import make_readable, refuse_unreadable
from graders.wall.sandboxes import control_group, runtime_records
from graders.wall.sandboxes.gpu_files import gpu_files
from graders.wall.sandboxes.gpus import leased_for
from graders.wall.sandboxes.owner import is_alive, this_process
from graders.wall.sandboxes.pipes import Pipes, ended
from graders.wall.sandboxes.sandbox import (
    INSIDE_FOLDER,
    SandboxSpec,
    computing,
    inside_environment,
    processes_limit,
)
from graders.wall.sandboxes.user_ids import NEEDED, OF_NOBODY, UserIds, user_ids

DRIVER = "/driver"
"""Where the libraries of a GPU's driver lie inside."""
MEMORY = "/memory"
"""Where the files of a scheduler's control group lie inside."""
CAPABILITIES = ("KILL", "SETGID", "SETUID", "SETPCAP", "SYS_ADMIN")
"""What settling needs; it gives up the last two before anything else starts."""
OWN_VARIABLES = ("PATH", "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS")
"""Variables that the programs themselves read; none of them comes in."""
OPEN_FILES = 4096
PROCESSES = 16_384
STARTS_S = 60.0


@dataclass(frozen=True)
class Opening:
    """What a sandbox is started with; each program has a command line of its own for it."""

    root: Path
    """The runtime: a folder with everything, or apptainer's file."""
    words: tuple[str, ...]
    """The command inside."""
    mounts: Mapping[str, Path]
    """Path inside -> file or folder of this machine, read-only."""
    environment: Mapping[str, str]
    devices: tuple[Path, ...] = ()
    """Of the leased GPUs; at the same paths inside."""
    name: str = field(default_factory=lambda: f"medmark-{secrets.token_hex(8)}")
    labels: Mapping[str, str] = field(default_factory=dict)
    one_user: bool = False
    """Whether there are no ids for workers."""


@dataclass(frozen=True)
class Program:
    """A program that starts sandboxes."""

    name: str
    executable: str
    command: Callable[[Opening], list[str]]
    maps_users: bool
    """Whether it maps the ids of workers itself."""
    package: str
    """What to install."""


def bubblewrap(opening: Opening) -> list[str]:
    """The command line of bubblewrap; `_started` maps the ids."""
    words = ["bwrap", "--die-with-parent", "--as-pid-1", "--unshare-user", "--unshare-pid", "--unshare-net"]
    words += ["--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox", "--clearenv"]
    words += ["--uid", "0", "--gid", "0"] if opening.one_user else []
    words += ["--cap-drop", "ALL", *(word for name in CAPABILITIES for word in ("--cap-add", f"CAP_{name}"))]
    words += ["--ro-bind", str(opening.root), "/", "--proc", "/proc", "--dev", "/dev"]
    for inside, here in opening.mounts.items():
        words += ["--ro-bind", str(here), inside]
    for device in opening.devices:
        words += ["--dev-bind", str(device), str(device)]
    for name, value in opening.environment.items():
        words += ["--setenv", name, value]
    return [*words, "--chdir", "/", "--", *opening.words]


def podman(opening: Opening) -> list[str]:
    """The command line of podman."""
    words = ["podman", *_runtime_of_podman(), "run", "--rm", "--interactive", "--name", opening.name, "--rootfs"]
    words += ["--read-only", "--read-only-tmpfs=false", "--network", "none", "--ipc", "none", "--log-driver", "none"]
    words += ["--user", "0:0", "--hostname", "sandbox", "--no-hosts", "--security-opt", "no-new-privileges"]
    # Podman would raise these beyond what this user may have; each worker has a limit of its own.
    words += ["--ulimit", f"nofile={OPEN_FILES}:{OPEN_FILES}", "--ulimit", f"nproc={PROCESSES}:{PROCESSES}"]
    words += ["--cap-drop", "ALL", *(word for name in CAPABILITIES for word in ("--cap-add", name)), "--workdir", "/"]
    if os.geteuid() == 0:  # an ordinary user's ids are podman's own doing
        words += ["--uidmap", "0:0:1", "--uidmap", f"1:{OF_NOBODY}:{NEEDED}"]
        words += ["--gidmap", "0:0:1", "--gidmap", f"1:{OF_NOBODY}:{NEEDED}"]
    for inside, here in opening.mounts.items():
        words += ["--mount", _comma_separated("type=bind", f"source={here}", f"target={inside}", "readonly=true")]
    words += [word for device in opening.devices for word in ("--device", str(device))]
    for name, value in opening.environment.items():
        words += ["--env", f"{name}={value}"]
    for name, value in opening.labels.items():
        words += ["--label", f"{name}={value}"]
    return [*words, str(opening.root), *opening.words]


def apptainer(opening: Opening) -> list[str]:
    """The command line of apptainer."""
    words = ["apptainer", "--silent", "exec", *([] if opening.one_user else ["--fakeroot"]), "--containall"]
    words += ["--no-mount", "sys,home,tmp,cwd,hostfs"]
    words += ["--no-privs", "--add-caps", ",".join(f"CAP_{name}" for name in CAPABILITIES), "--cleanenv", "--no-init"]
    words += ["--net", "--network", "none", "--ipc", "--uts", "--pwd", "/"]
    for inside, here in opening.mounts.items():
        words += ["--mount", _comma_separated("type=bind", f"source={here}", f"destination={inside}", "ro")]
    for device in opening.devices:
        words += ["--mount", _comma_separated("type=bind", f"source={device}", f"destination={device}")]
    for name, value in opening.environment.items():
        words += ["--env", _comma_separated(f"{name}={value}")]
    return [*words, str(opening.root), *opening.words]


PROGRAMS = {
    program.name: program
    for program in (
        Program("bubblewrap", "bwrap", bubblewrap, maps_users=False, package="bubblewrap"),
        Program("podman", "podman", podman, maps_users=True, package="podman uidmap"),
        Program("apptainer", "apptainer", apptainer, maps_users=True, package="apptainer uidmap"),
    )
}


class Rootless:
    """The sandbox of the contract in `sandbox.py` by one of the programs.

    Args:
        program: Which one.
        inside: Folder with `start.py`; another one only in tests.
    """

    def __init__(self, program: Program, *, inside: Path = INSIDE_FOLDER) -> None:
        self.name = program.name
        self._program = program
        self._inside = inside

    @cached_property
    def _ids(self) -> UserIds | str:
        return user_ids()

    @property
    def isolates(self) -> bool:
        """Whether each worker is a user of its own."""
        return isinstance(self._ids, UserIds)

    @property
    def weakness(self) -> str:
        """Why it is not a boundary; empty where it is one."""
        if isinstance(self._ids, UserIds):
            return ""
        return f"all its workers would be one user, and one could read another's memory: {self._ids}"

    def runtime(self, framework: Framework) -> str:
        return runtime_records.rootfs(framework).digest

    @contextmanager
    def open(self, spec: SandboxSpec) -> Iterator[Pipes]:
        with leased_for(spec) as leased, self._opened(spec, leased) as channel:
            yield channel

    @contextmanager
    def _opened(self, spec: SandboxSpec, leased: tuple[str, ...]) -> Iterator[Pipes]:
        runtime = runtime_records.rootfs(spec.framework)
        with suppress(OSError):  # another user's installation: the next lines check whether it can be read
            make_readable(self._inside)
        for needed in (spec.solution, self._inside):
            refuse_unreadable(needed)
        limited, of_gpus = control_group.memory_files(), gpu_files(leased)
        opening = Opening(
            root=Path((self._program.command is apptainer and runtime.sif) or runtime.image),
            words=(runtime.python, "-I", "-B", "/medmark/start.py", "settling"),
            mounts={
                "/solution": spec.solution.resolve(),
                "/medmark": self._inside.resolve(),
                **{f"{MEMORY}/{path.name}": path for path in limited},
                **{f"{DRIVER}/{name}": path for name, path in of_gpus.libraries.items()},
            },
            devices=of_gpus.devices,
            environment=_environment(runtime, spec, leased, one_user=not self.isolates),
            labels={"medmark.course": spec.course, "medmark.run": spec.run, "medmark.owner": this_process()},
            one_user=not self.isolates,
        )
        before = control_group.kills(limited)
        with tempfile.TemporaryDirectory(prefix="medmark-") as folder:
            errors = Path(folder) / "keeper.txt"
            process = self._started(opening, errors)
            try:
                yield Pipes(process, errors, lambda: control_group.kills(limited) > before)
            finally:
                if not ended(process) and self._program.command is podman:
                    _output(["podman", "rm", "--force", "--time", "0", "--ignore", opening.name])

    def sweep(self, course: str) -> list[str]:
        """Remove podman's containers of markers that have died. The other programs' end with their markers."""
        if self._program.command is not podman:
            return []
        filters = ["--filter", f"label=medmark.course={course}", "--format", "json"]
        containers = json.loads(_output(["podman", "ps", "--all", *filters]))
        dead = [entry["Id"] for entry in containers if not is_alive((entry["Labels"] or {}).get("medmark.owner", ""))]
        for container in dead:
            _output(["podman", "rm", "--force", "--time", "0", "--ignore", container])
        return dead

    def _started(self, opening: Opening, errors: Path) -> subprocess.Popen[bytes]:
        command = self._program.command(opening)
        if self._program.maps_users or not isinstance(self._ids, UserIds):
            return self._spawned(command, errors)
        report, reports = os.pipe()
        waits, go = os.pipe()
        try:
            words = [command[0], "--info-fd", str(reports), "--userns-block-fd", str(waits), *command[1:]]
            process = self._spawned(words, errors, (reports, waits))
        finally:
            os.close(reports)
            os.close(waits)
        try:
            with os.fdopen(report, "rb") as lines:
                text = lines.read()
            if not text:
                process.wait(STARTS_S)
                raise EngineFailure(f"bwrap did not start: {errors.read_text(errors='replace').strip()}")
            self._ids.map_for(json.loads(text)["child-pid"])
            os.write(go, b"1")
        except BaseException:
            process.kill()
            ended(process)
            raise
        finally:
            os.close(go)
        return process

    def _spawned(self, command: list[str], errors: Path, descriptors: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        if shutil.which(command[0]) is None:
            raise EngineFailure(trouble(self._program))
        try:
            with errors.open("wb") as sink:
                return subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=sink,
                    bufsize=0,
                    env=_own_environment(),
                    pass_fds=descriptors,
                    start_new_session=True,
                )
        except OSError as error:
            raise EngineFailure(f"{command[0]} did not start: {error}") from error


def trouble(program: Program) -> str:
    """Why a program cannot start sandboxes that isolate, with a cure; empty if it can."""
    if shutil.which(program.executable) is None:
        return f"{program.executable} cannot be run: apt-get install {program.package}"
    return Rootless(program).weakness


def surveyed(root: Path, python: str, words: Sequence[str]) -> bytes:
    """What the interpreter of a folder prints, run in the first sandbox without a daemon that this machine has.

    Raises:
        EngineFailure: it has none.
        ImageFailure: the interpreter failed; the text holds the end of its output.
    """
    opening = Opening(root, (python, *words), {}, {**computing(), "HOME": "/dev", "TMPDIR": "/dev"})
    for program in PROGRAMS.values():
        if shutil.which(program.executable):
            done = subprocess.run(program.command(opening), capture_output=True, env=_own_environment(), check=False)
            if done.returncode:
                last = done.stderr.decode("utf-8", "replace").strip()[-1500:]
                raise ImageFailure(f"the runtime in {root} does not work (exit {done.returncode}): {last}")
            return done.stdout
    packages = " or ".join(program.package for program in PROGRAMS.values())
    raise EngineFailure(f"no program here can start a sandbox without a daemon: apt-get install {packages}")


def _environment(
    runtime: runtime_records.Runtime, spec: SandboxSpec, leased: tuple[str, ...], *, one_user: bool
) -> dict[str, str]:
    limits = spec.limits
    return {
        **inside_environment(runtime.python, spec, leased),
        "MEDMARK_PROCESSES": str(processes_limit(limits)),
        "MEDMARK_ROOM_BYTES": str(limits.scratch_mb * 2**20),
        "MEDMARK_ROOM_FILES": str(limits.scratch_files),
        "MEDMARK_CONTROL_GROUP": MEMORY,
        "MEDMARK_ONE_USER": "1" if one_user else "",
        **({"LD_LIBRARY_PATH": DRIVER} if leased else {}),
    }


def _own_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in OWN_VARIABLES if name in os.environ}


def _runtime_of_podman() -> list[str]:
    """crun refuses a machine with control groups of both versions; runc does not."""
    both = not os.path.exists("/sys/fs/cgroup/cgroup.controllers")
    return ["--runtime", "runc"] if both and shutil.which("runc") else []


def _comma_separated(*words: str) -> str:
    """Words as podman and apptainer read them: a word with a comma stands in quotes."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(words)
    return line.getvalue()


def _output(command: list[str]) -> str:
    """The output of a command.

    Raises:
        EngineFailure: it cannot be run, or failed.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=_own_environment(), check=False)
    except OSError as error:
        raise EngineFailure(f"{command[0]}: {error}") from error
    if done.returncode:
        raise EngineFailure(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
