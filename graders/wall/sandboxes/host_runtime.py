"""A runtime from this machine: an environment from a lock, and the parts of the system that it needs.

Asks no engine. The container's root is empty. The C libraries, the interpreter with its standard library, and the
environment are mounted read-only, each at its own path. An empty folder covers the base interpreter's site-packages, so
that a solution sees no package that happens to be installed here.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graders.failures import ImageFailure
from graders.wall.modes import make_readable

PRIVATE = ("scratch", "zygote")
TAKE_OUT = Path(__file__).parent / "runtimes" / "take_out.py"
DESCRIBE_PYTHON = """
import json, os, sys, sysconfig
paths = sysconfig.get_paths(sysconfig.get_preferred_scheme("prefix"), vars={
    "base": sys.base_prefix, "platbase": sys.base_prefix, "installed_base": sys.base_prefix,
    "installed_platbase": sys.base_prefix})
print(json.dumps({
    "version": sys.version, "prefix": sys.base_prefix, "executable": os.path.realpath(sys.executable),
    "stdlib": sysconfig.get_path("stdlib"), "site": paths["purelib"],
    "library": os.path.join(*(sysconfig.get_config_var(name) or "" for name in ("LIBDIR", "INSTSONAME"))),
    "triplet": sysconfig.get_config_var("MULTIARCH") or ""}))
"""
"""Run by the interpreter: prints its version and paths."""


@dataclass(frozen=True)
class HostRuntime:
    """An environment and what must be mounted for it to run."""

    key: str
    """Names the environment's folder: lock, additions, what is taken out, and interpreter."""
    python: str
    mounts: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    """Links the empty root needs: (path, target)."""


def host_runtime(
    framework: str,
    lock: str,
    *,
    python: str,
    add: Sequence[str],
    take_out: Sequence[str],
    home: Path,
    say: Callable[[str], object],
) -> HostRuntime:
    """Make the environment, or use the one that the same lock and interpreter made before.

    Args:
        take_out: files that shall not be in it, by their paths in site-packages.

    Raises:
        ImageFailure: the interpreter or pip failed; the text holds their output.
    """
    about = json.loads(_ran([python, "-I", "-c", DESCRIBE_PYTHON], "asking the interpreter about itself"))
    pins = [line for line in lock.splitlines() if not line.startswith("#")]
    identity = "\0".join([*pins, *add, *take_out, about["version"], about["executable"]])
    key = hashlib.sha256(identity.encode()).hexdigest()[:12]
    environment = home / "runtimes" / f"{framework}-{key}"
    done = environment.with_suffix(".done")
    environment.parent.mkdir(parents=True, exist_ok=True)
    with (home / "runtimes" / ".lock").open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(environment, ignore_errors=True)
            _install(environment, lock, python=python, add=add, take_out=take_out, say=say)
            done.touch()
    inside = environment / "bin" / "python"
    mounts, links = _needed(about, environment, inside, _empty(home))
    return HostRuntime(key, str(inside), mounts, links)


@dataclass(frozen=True)
class EmptyRoot:
    """What an empty root holds; each path without its leading slash."""

    folders: frozenset[str]
    """Mount points, and all folders above them. Every user may pass through them."""
    files: Mapping[str, bytes]
    links: Mapping[str, str]


def empty_root(host: HostRuntime) -> EmptyRoot:
    """Mount points, links and two users."""
    folders = {"proc", "sys", "dev", "etc", "solution", "medmark", "scratch", "zygote"}
    files = {
        "etc/passwd": b"root:x:0:0:root:/:/none\nnobody:x:65534:65534:nobody:/scratch:/none\n",
        "etc/group": b"root:x:0:\nnogroup:x:65534:\n",
    }
    for here, inside in host.mounts:
        if os.path.isdir(here):
            folders.add(inside.lstrip("/"))
        else:
            files[inside.lstrip("/")] = b""
    links = {path.lstrip("/"): target for path, target in host.links}
    for name in [*folders, *files, *links]:
        folders.update(str(parent) for parent in Path(name).parents if str(parent) != ".")
    return EmptyRoot(frozenset(folders - links.keys()), files, links)


def root_archive(host: HostRuntime) -> bytes:
    """The empty root as a tar."""
    root = empty_root(host)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in sorted(root.folders):
            # runc gives a tmpfs the mode of the folder below it and ignores mode= (seen with 1.1.5).
            tar.addfile(_member(name, tarfile.DIRTYPE, 0o700 if name in PRIVATE else 0o755))
        for name, target in sorted(root.links.items()):
            member = _member(name, tarfile.SYMTYPE, 0o777)
            member.linkname = target
            tar.addfile(member)
        for name, content in sorted(root.files.items()):
            member = _member(name, tarfile.REGTYPE, 0o644)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def _install(
    environment: Path,
    lock: str,
    *,
    python: str,
    add: Sequence[str],
    take_out: Sequence[str],
    say: Callable[[str], object],
) -> None:
    """Make an environment without pip: a solution does not need it."""
    say(f"making {environment} from the lock: pip fetches the packages that it does not have yet")
    _ran([python, "-P", "-m", "venv", "--without-pip", str(environment)], "python -m venv")
    lock_file = environment / "runtime.lock"
    lock_file.write_text(lock + "".join(f"{line}\n" for line in add), encoding="utf-8")
    inside = str(environment / "bin" / "python")
    pip = [python, "-P", "-m", "pip", "--python", inside, "--disable-pip-version-check", "--no-input"]
    _ran([*pip, "install", "--quiet", "--requirement", str(lock_file)], "pip install of the lock")
    _ran([inside, "-I", "-B", str(TAKE_OUT), *take_out], "taking files out")
    make_readable(environment)


def _needed(
    about: dict[str, str], environment: Path, inside: Path, empty: Path
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """The mounts (here, inside) and the links of the root."""
    roots = [f"/{name}" for name in ("lib", "lib64") if os.path.exists(f"/{name}")]
    links = {path: os.readlink(path) for path in roots if os.path.islink(path)}
    multiarch = Path("/usr/lib") / (about["triplet"] or "none")
    paths = [str(multiarch) if multiarch.is_dir() else "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"]
    paths += [path for path in roots if path not in links]
    system = about["prefix"] in ("/usr", "/usr/local")  # in a prefix of its own everything belongs to Python
    paths += [about["stdlib"], about["library"]] if system else [about["prefix"]]
    paths.append(str(environment))
    mounts: dict[str, str] = {}
    for path in paths:
        if os.path.exists(path) and not _covered(path, mounts):
            mounts[path] = path
    hop = str(inside)
    while not _covered(os.path.dirname(hop), mounts) or os.path.islink(hop):
        if not os.path.islink(hop):
            mounts[hop] = hop
            break
        target = os.readlink(hop)
        if not _covered(hop, mounts):
            links[hop] = target
        hop = os.path.normpath(os.path.join(os.path.dirname(hop), target))
    if _covered(about["site"], mounts) and os.path.isdir(about["site"]):
        mounts[about["site"]] = str(empty)
    return tuple((here, target) for target, here in mounts.items()), tuple(links.items())


def _covered(path: str, mounts: dict[str, str]) -> bool:
    return any(path == target or path.startswith(f"{target}/") for target in mounts)


def _empty(home: Path) -> Path:
    folder = home / "empty"
    folder.mkdir(parents=True, exist_ok=True)
    make_readable(folder)
    return folder


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode = kind, mode
    return member


def _ran(command: list[str], what: str) -> str:
    """The output of a command.

    Raises:
        ImageFailure: it cannot be started or did not end with 0.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ImageFailure(f"{what}: {command[0]}: {error.strerror}") from error
    if done.returncode:
        raise ImageFailure(f"{what} failed: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout
