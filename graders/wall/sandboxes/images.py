"""Runtime images, in which a framework's solutions run: builds them, records their contents, looks them up.

An image holds Python and the packages of a lock, never medmark. It comes from a Dockerfile and a base image, or from
this machine (`host_runtime`) where no registry can be reached. `docker.py` runs solutions in them.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import docker
import docker.errors
from docker.types import Mount

from assignments.assignment import Framework
from graders.failures import ImageFailure
from graders.wall.sandboxes import engine
from graders.wall.sandboxes.host_runtime import HostRuntime, host_runtime, root_archive
from graders.wall.sandboxes.runtime_contents import (
    TAKEN_OUT,
    RuntimeOrigin,
    recorded,
    survey_words,
    writable_home,
)
from graders.wall.sandboxes.runtime_records import DEFAULT, RECIPES, Kind, Runtime, lock_of
from graders.wall.sandboxes.sandbox import COMPUTING

PYTHON_OF_DOCKERFILE = "/opt/runtime/bin/python"


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
    lock, folder = lock_of(framework, kind), writable_home()
    host = host_runtime(framework, lock, python=python, add=add, take_out=TAKEN_OUT, home=folder, say=say)
    with _engine() as client:
        image = _imported(client, framework, host)
        origin = RuntimeOrigin(framework, kind, "host", tuple(add), say)
        return _finished(client, origin, (image, host.python, host.mounts))


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
    writable_home()  # before the minutes that a build takes
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
        origin = RuntimeOrigin(framework, kind, base_image, tuple(add), say)
        return _finished(client, origin, (cast(str, image.id), PYTHON_OF_DOCKERFILE, ()))


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
    client: docker.DockerClient, origin: RuntimeOrigin, contents: tuple[str, str, tuple[tuple[str, str], ...]]
) -> Runtime:
    """Survey the image from inside and write its record."""
    origin.say(f"trying the {origin.framework} image, and looking for files that give answers away")
    return recorded(origin, _surveyed(client, origin, contents), contents)


def _surveyed(
    client: docker.DockerClient, origin: RuntimeOrigin, contents: tuple[str, str, tuple[tuple[str, str], ...]]
) -> bytes:
    image, python, mounts = contents
    try:
        output: bytes = client.containers.run(
            image,
            [python, *survey_words(origin)],
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
        text = f"the {origin.framework} image does not work (exit {error.exit_status}): {last}"
        raise ImageFailure(text) from error
    except docker.errors.APIError as error:
        text = f"the {origin.framework} image does not start: {engine.message_of(error)}"
        raise ImageFailure(text) from error
    return output


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


def _tag(text: str) -> str:
    """A tag made of an image's name: Docker allows no slash and no colon in one."""
    return re.sub(r"[^A-Za-z0-9_.]", "-", text)[-100:].lstrip(".-")
