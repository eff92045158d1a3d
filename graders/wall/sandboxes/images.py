"""Runtime images, in which a framework's solutions run: builds them, records their contents, looks them up.

An image holds Python and the packages of a lock, never medmark. It comes from a Dockerfile and a base image, or from
this machine (`host_runtime`) where no registry can be reached. `docker.py` runs solutions in them.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import docker
import docker.errors
from docker.types import Mount

from assignments.assignment import Framework
from assignments.files import replace_file
from graders.failures import ImageFailure
from graders.wall.sandboxes import engine
from graders.wall.sandboxes.host_runtime import HostRuntime, host_runtime, root_archive
from graders.wall.sandboxes.runtime_records import (
    DEFAULT,
    ELSEWHERE,
    RECIPES,
    Kind,
    Runtime,
    home,
    lock_of,
    modules_of,
    proof,
    record_of,
)
from graders.wall.sandboxes.sandbox import COMPUTING

UNWANTED = {
    "breast_cancer.csv": "scikit-learn's breast cancer table, the data of mlp_classifier",
    "solution_pytorch.py": "a reference solution",
    "solution_tensorflow.py": "a reference solution",
    "solution_numpy.py": "a reference solution",
}
"""Files that give answers away, by name: a build that contains one fails."""
SIGNS = {
    "the breast cancer table, the data of mlp_classifier": (
        ("17.99", "10.38", "122.8"),  # the beginning of a row
        ("17.99", "20.57", "19.69"),  # of a column
    ),
}
"""Numbers that stand one after the other in no other file: a build that contains them under any name fails too."""
TAKEN_OUT = ("sklearn/datasets/data/breast_cancer.csv",)
"""Files that a build takes out of packages that a runtime needs, by their paths in site-packages."""


def build_from_host(
    framework: Framework,
    *,
    kind: Kind = DEFAULT,
    python: str = sys.executable,
    add: Sequence[str] = (),
    say: Callable[[str], object] = lambda line: None,
) -> Runtime:
    """Make a runtime without any registry: an empty root, this machine's libraries, an environment of the lock.

    Args:
        kind: what it holds beside the framework.
        python: interpreter the environment is made with; its standard library is mounted too.
        add: further requirements, `name==version`, for everyone.
        say: receives a line for each step.

    Raises:
        ImageFailure: the environment could not be made, does not work, or holds a file that gives answers away.
        EngineFailure: the engine does not answer.
    """
    lock, folder = lock_of(framework, kind), _writable_home()
    host = host_runtime(framework, lock, python=python, add=add, take_out=TAKEN_OUT, home=folder, say=say)
    with _engine() as client:
        image = _imported(client, framework, host)
        contents = (image, host.python, host.mounts)
        return _finished(client, framework, kind, contents, made_from="host", added=add, say=say)


def build(
    framework: Framework,
    *,
    base_image: str,
    kind: Kind = DEFAULT,
    add: Sequence[str] = (),
    wheels: Path | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> Runtime:
    """Make a runtime from the Dockerfile, the lock and a base image that has Python 3.11 or newer with venv.

    Args:
        base_image: name of an image that the engine has or can pull.
        kind: what it holds beside the framework.
        add: further requirements, `name==version`, for everyone.
        wheels: folder of wheels put into the build; with it the build uses no network and no index.
        say: receives a line for each step.

    Raises:
        ImageFailure: the build failed, the image does not work, or it holds a file that gives answers away.
        EngineFailure: the engine does not answer.
    """
    lock = lock_of(framework, kind) + "".join(f"{line}\n" for line in add)
    _writable_home()  # before the minutes that a build takes
    say(f"building the {framework} image on {base_image}")
    with _engine() as client:
        try:
            image, _ = client.images.build(
                fileobj=_context(lock, wheels),
                custom_context=True,
                buildargs={
                    "BASE": base_image,
                    "PIP_ARGS": "--no-index" if wheels else "",
                    "TAKE_OUT": " ".join(TAKEN_OUT),
                },
                network_mode="none" if wheels else None,
                tag=f"medmark-{framework}:{_tag(base_image)}",
                rm=True,
                forcerm=True,
            )
        except docker.errors.BuildError as error:
            lines = cast("list[dict[str, Any]]", error.build_log)
            log = "".join(str(line.get("stream", "")) for line in lines)[-2000:]
            raise ImageFailure(f"docker build of {framework} on {base_image}: {error}\n{log}") from error
        except docker.errors.APIError as error:
            raise ImageFailure(f"docker build of {framework} on {base_image}: {engine.message_of(error)}") from error
        contents = (cast(str, image.id), "/opt/runtime/bin/python", ())
        return _finished(client, framework, kind, contents, made_from=base_image, added=add, say=say)


@contextmanager
def _engine() -> Iterator[docker.DockerClient]:
    """The engine, with a timeout that is long enough for a build."""
    engine.connected(engine.address()).close()
    client = docker.DockerClient(base_url=engine.address(), timeout=1800, version="auto")
    try:
        with engine.with_docker_messages():
            yield client
    finally:
        client.close()


def _finished(
    client: docker.DockerClient,
    framework: Framework,
    kind: Kind,
    contents: tuple[str, str, tuple[tuple[str, str], ...]],
    *,
    made_from: str,
    added: Sequence[str],
    say: Callable[[str], object],
) -> Runtime:
    """Survey the image from inside, refuse files that give answers away, write the record."""
    say(f"trying the {framework} image, and looking for files that give answers away")
    image, python, mounts = contents
    imports = (proof(framework, kind), [module for line in added for module in _module_of(line)])
    surveyed = _surveyed(client, framework, imports, image, python, mounts)
    distributions: dict[str, list[str]] = surveyed["distributions"]
    if {"medmark"} & distributions.keys():
        raise ImageFailure(f"the {framework} image holds medmark itself: take it out of the lock or of --add")
    if unwanted := surveyed["unwanted"]:
        names = "; ".join(f"{path} ({why})" for path, why in unwanted)
        raise ImageFailure(f"the {framework} image holds answers: {names}. Leave out the package that brings them")
    steady = {key: surveyed[key] for key in ("python", "platform", "distributions")}
    built = Runtime(
        framework=framework,
        digest=hashlib.sha256(json.dumps(steady, sort_keys=True).encode()).hexdigest(),
        image=image,
        python=python,
        mounts=mounts,
        packages={name: version for name, (version, _) in sorted(distributions.items())},
        modules=tuple(surveyed["modules"]),
        python_version=surveyed["python"],
        made_from=made_from,
        added=tuple(added),
        built=datetime.now(UTC).isoformat(timespec="seconds"),
        kind=kind,
    )
    replace_file(record_of(framework), json.dumps(asdict(built), indent=1))
    size = f"{kind}, {len(built.packages)} packages, Python {built.python_version}"
    say(f"{framework}: {size}, digest {built.digest[:12]}")
    return built


def _surveyed(
    client: docker.DockerClient,
    framework: Framework,
    imports: tuple[Sequence[str], Sequence[str]],
    image: str,
    python: str,
    mounts: tuple[tuple[str, str], ...],
) -> dict[str, Any]:
    source = (RECIPES / "survey.py").read_text(encoding="utf-8")
    try:
        output = client.containers.run(
            image,
            [python, "-I", "-B", "-c", source, json.dumps([*imports, UNWANTED, SIGNS])],
            remove=True,
            user="65534:65534",
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            tmpfs={"/scratch": "size=64m,uid=65534,gid=65534,mode=700"},
            environment={**COMPUTING, "HOME": "/scratch", "TMPDIR": "/scratch"},
            mounts=[Mount(inside, here, type="bind", read_only=True) for here, inside in mounts],
        )
    except docker.errors.ContainerError as error:
        output = cast(bytes, error.stderr or b"")
        last = output.decode("utf-8", "replace").strip()[-1500:]
        text = f"the {framework} image does not work (exit {error.exit_status}): {last}"
        raise ImageFailure(text) from error
    except docker.errors.APIError as error:
        raise ImageFailure(f"the {framework} image does not start: {engine.message_of(error)}") from error
    return cast("dict[str, Any]", json.loads(output))


def _imported(client: docker.DockerClient, framework: Framework, host: HostRuntime) -> str:
    """Import the empty root as an image named by its contents; an equal image that exists already stays in use."""
    root = root_archive(host)
    name, tag = f"medmark-{framework}", f"from-host-{hashlib.sha256(root).hexdigest()[:12]}"
    try:
        return str(client.images.get(f"{name}:{tag}").id)
    except docker.errors.ImageNotFound:
        output = client.api.import_image_from_data(root, repository=name, tag=tag)
    status: str = json.loads(output.splitlines()[-1]).get("status", "")
    if not status.startswith("sha256:"):
        raise ImageFailure(f"docker import of the empty root: {output}")
    return status


def _context(lock: str, wheels: Path | None) -> io.BytesIO:
    """The build's context: Dockerfile, its script, lock and wheels, and no other file of this machine."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in ("Dockerfile", "take_out.py"):
            tar.add(RECIPES / name, name)
        text = lock.encode()
        member = tarfile.TarInfo("runtime.lock")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
        folder = tarfile.TarInfo("wheels")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        for wheel in sorted(wheels.glob("*.whl")) if wheels else ():
            tar.add(wheel, f"wheels/{wheel.name}")
    archive.seek(0)
    return archive


def _writable_home() -> Path:
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise ImageFailure(f"{folder}: cannot be written ({error.strerror}): {ELSEWHERE}") from error
    return folder


def _module_of(requirement: str) -> tuple[str, ...]:
    """The first module of `name==version`, which shall be importable; none of an address or a file."""
    name = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]*)(\[.*\])?==\S+", requirement.replace(" ", ""))
    return modules_of(re.sub(r"[-_.]+", "-", name[1]).lower())[:1] if name else ()


def _tag(text: str) -> str:
    """A tag made of an image's name: Docker allows no slash and no colon in one."""
    return re.sub(r"[^A-Za-z0-9_.]", "-", text)[-100:].lstrip(".-")
