"""Runtimes as folders: root file systems that sandboxes without a daemon start in, on any machine that sees the folder.

A folder holds all that it needs, so that it can lie on a cluster's shared file system: the C libraries that the
environment asks for, the interpreter with its standard library, the packages of a lock. `images` makes the same
contents as Docker images.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import docker

from assignments.assignment import Framework
from graders.failures import EngineFailure, ImageFailure
from graders.wall.modes import make_readable
from graders.wall.sandboxes import engine, images
from graders.wall.sandboxes.control_group import FILES, FILES_OF_VERSION_1
from graders.wall.sandboxes.gpu_files import LIBRARIES
from graders.wall.sandboxes.host_runtime import HostRuntime, empty_root, host_runtime
from graders.wall.sandboxes.rootless import DRIVER, MEMORY, surveyed
from graders.wall.sandboxes.runtime_contents import TAKEN_OUT, RuntimeOrigin, recorded, survey_words, writable_home
from graders.wall.sandboxes.runtime_records import DEFAULT, Kind, Runtime, lock_of

MOUNT_POINTS = tuple(
    f"{folder.lstrip('/')}/{name}"
    for folder, names in ((MEMORY, (*FILES, *FILES_OF_VERSION_1)), (DRIVER, LIBRARIES))
    for name in names
)
OF_PODMAN = ("etc/hosts", "etc/hostname", "etc/resolv.conf", "run/.containerenv")
"""Files that podman mounts over: it would make them in a folder that may not be written to."""
AT_ONCE = 100
"""Libraries that are looked at by one command."""
LOADED_LATE = "libgcc_s.so.1"
"""The C library loads it when a thread ends: no file names it."""


def build_from_host(
    framework: Framework,
    *,
    kind: Kind = DEFAULT,
    python: str = sys.executable,
    add: Sequence[str] = (),
    sif: bool = False,
    say: Callable[[str], object] = lambda line: None,
) -> Runtime:
    """Make a runtime without any registry or daemon, of this machine and the packages of the lock.

    Args:
        kind: What it holds beside the framework.
        python: Interpreter that the environment is made with.
        add: Further requirements, `name==version`, for everyone.
        sif: Whether apptainer's file is made too.
        say: Receives a line for each step.

    Raises:
        ImageFailure: it could not be made, does not work, or holds a file that gives answers away.
        EngineFailure: nothing here can start a sandbox.
    """
    home = writable_home()
    host = host_runtime(
        framework, lock_of(framework, kind), python=python, add=add, take_out=TAKEN_OUT, home=home, say=say
    )
    origin = RuntimeOrigin(framework, kind, "host", tuple(add), say, "rootfs")
    folder = home / "rootfs" / f"{framework}-{host.key}"
    say(f"copying the runtime to {folder}")

    def fill(root: Path) -> None:
        empty = empty_root(host)
        for name in sorted(empty.folders):
            (root / name).mkdir(parents=True, exist_ok=True)
        for name, target in empty.links.items():
            (root / name).symlink_to(target)
        for name, content in empty.files.items():
            (root / name).write_bytes(content)
        _copy(host, root, Path(python))

    return _finished(origin, _filled(folder, fill), host.python, sif)


def build(
    framework: Framework,
    *,
    base_image: str,
    kind: Kind = DEFAULT,
    add: Sequence[str] = (),
    wheels: Path | None = None,
    sif: bool = False,
    say: Callable[[str], object] = lambda line: None,
) -> Runtime:
    """Make a runtime of the Docker image of the same lock, which is built first: where it is used needs no Docker.

    Arguments and errors are those of `images.build`.
    """
    image = images.build(framework, base_image=base_image, kind=kind, add=add, wheels=wheels, say=say)
    origin = RuntimeOrigin(framework, kind, base_image, tuple(add), say, "rootfs")
    folder = writable_home() / "rootfs" / f"{framework}-{image.digest[:12]}"
    say(f"copying the runtime to {folder}")

    def fill(root: Path) -> None:
        with engine.with_docker_messages():
            client = docker.APIClient(base_url=engine.address(), timeout=1800, version="auto")
            container = client.create_container(image.image, ["true"])["Id"]
            try:
                _extract(client.export(container), root)
            finally:
                client.remove_container(container)
                client.close()

    return _finished(origin, _filled(folder, fill), image.python, sif)


def _filled(folder: Path, fill: Callable[[Path], None]) -> Path:
    """A folder that `fill` has filled, with all mount points; one of before is replaced once the new one is whole."""
    shutil.rmtree(folder.with_suffix(".new"), ignore_errors=True)
    new = folder.with_suffix(".new")
    new.mkdir(parents=True, mode=0o755)
    try:
        fill(new)
        for name in ("proc", "sys", "dev", "tmp", "solution", "medmark", "scratch", "zygote"):
            (new / name).mkdir(exist_ok=True)
        for name in (*MOUNT_POINTS, *OF_PODMAN):
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).touch()
        if not os.path.lexists(new / "etc/mtab"):  # of podman too, which a folder of somebody else's would stop
            (new / "etc/mtab").symlink_to("/proc/mounts")
        make_readable(new)
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    except OSError as error:
        raise ImageFailure(f"{folder}: {error.strerror}: {error.filename}") from error
    return folder


def _extract(pieces: Iterable[bytes], root: Path) -> None:
    """Lay the files of an image that was built here into a folder, as this user's own."""
    words = ["tar", "--extract", "--no-same-owner", "--exclude=dev/*", "--directory", str(root)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        for piece in pieces:
            process.stdin.write(piece)
        process.stdin.close()
        errors = process.stderr.read().decode("utf-8", "replace").strip()
    if process.returncode:
        raise ImageFailure(f"tar: {errors[-1500:]}")


def _finished(origin: RuntimeOrigin, folder: Path, python: str, sif: bool) -> Runtime:
    """Survey a folder from inside, make apptainer's file of it if that is wanted, and write the record."""
    origin.say(f"trying the {origin.framework} runtime, and looking for files that give answers away")
    output = surveyed(folder, python, survey_words(origin))
    return recorded(origin, output, (str(folder), python, ()), str(_sif(folder, origin.say)) if sif else "")


def _sif(folder: Path, say: Callable[[str], object]) -> Path:
    """Apptainer's file of a folder."""
    file = folder.with_suffix(".sif")
    say(f"making {file}")
    try:
        done = subprocess.run(
            ["apptainer", "build", "--force", str(file), str(folder)], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise EngineFailure(f"apptainer cannot be run ({error.strerror}): install it, or leave out --sif") from error
    if done.returncode:
        raise ImageFailure(f"apptainer build {file} failed: {done.stderr.strip()[-1500:]}")
    return file


def _copy(host: HostRuntime, root: Path, python: Path) -> None:
    """Copy what a runtime of this machine mounts; of the system's libraries only those that something in it loads."""
    mounts = [(Path(here), inside) for here, inside in host.mounts if not _is_of_the_system(inside)]
    whole = [(here, root / inside.lstrip("/")) for here, inside in mounts]
    mounted = {inside for _, inside in host.mounts}

    def left_out(folder: str, names: list[str]) -> set[str]:
        """What another mount covers: packages of this machine are not the runtime's."""
        shown = next(inside + folder.removeprefix(str(here)) for here, inside in mounts if folder.startswith(str(here)))
        return {name for name in names if name == "__pycache__" or f"{shown}/{name}" in mounted}

    for here, target in whole:
        if here.is_dir():
            shutil.copytree(here, target, symlinks=True, dirs_exist_ok=True, copy_function=_linked, ignore=left_out)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(here, target)
    programs = [Path(os.path.realpath(python)), *(path for _, target in whole for path in _libraries(target))]
    for library in sorted(_loaded_by(programs)):
        target = root / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy2(library, target)


def _is_of_the_system(path: str) -> bool:
    return path.startswith(("/lib", "/usr/lib/", "/usr/lib64", "/etc/")) and "/python3" not in path


def _libraries(folder: Path) -> Iterable[Path]:
    files = folder.rglob("*.so*") if folder.is_dir() else [folder]
    return (path for path in files if path.is_file() and not path.is_symlink())


def _loaded_by(programs: Sequence[Path]) -> set[str]:
    """The paths of the system's libraries that programs and libraries load, as the dynamic linker finds them here."""
    loaded: set[str] = set()
    for start in range(0, len(programs), AT_ONCE):
        words = ["ldd", *map(str, programs[start : start + AT_ONCE])]
        # Some load what an optional part needs and nobody has here: ldd then names the rest all the same.
        output = subprocess.run(words, capture_output=True, text=True, check=False).stdout
        paths = [
            line.partition(" (0x")[0].rpartition("=> ")[2].strip() for line in output.splitlines() if "(0x" in line
        ]
        loaded.update(os.path.normpath(path) for path in paths if _is_of_the_system(path))
    late = [f"{os.path.dirname(path)}/{LOADED_LATE}" for path in loaded]
    return loaded | {path for path in late if os.path.exists(path)}


def _linked(here: str, target: str) -> str:
    """Link a file that is this user's own to its place, else copy it."""
    try:
        os.link(here, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(here, target, follow_symlinks=False)
    return target
