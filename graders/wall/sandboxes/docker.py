"""The sandbox for other people's code: one container per submission, sealed as `_host_config` says.

It starts the keeper and hands over its stdin and stdout; what is asked over them is `graders.wall.session`'s. Every
failure here is the toolkit's: EngineFailure or ImageFailure, with Docker's own words.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
import docker.errors
from docker.types import DeviceRequest, Mount, Ulimit

from assignments.assignment import Framework, Limits
from graders.failures import EngineFailure, ImageFailure, InternalFailure
from graders.wall.modes import make_readable
from graders.wall.sandboxes import engine, gpus, images
from graders.wall.sandboxes.docker_channel import DockerChannel, Watch
from graders.wall.sandboxes.owner import is_alive, this_process
from graders.wall.sandboxes.sandbox import COMPUTING, SandboxSpec

INSIDE_FOLDER = Path(__file__).parents[1] / "inside"
GONE_WITHIN_S = 15.0


class Docker:
    """Containers of the local Docker engine.

    Args:
        cpus: cores that one container may use; two let keeper and worker overlap.
        inside: folder with `start.py`; another one only in tests.
        address: the engine's Unix socket, else `$DOCKER_HOST`.
    """

    name = "docker"
    isolates = True

    def __init__(self, *, cpus: float | None = None, inside: Path = INSIDE_FOLDER, address: str | None = None) -> None:
        self._cpus = cpus or min(2.0, float(os.cpu_count() or 1))
        self._inside = inside
        self._engine = address or engine.address()

    def runtime(self, framework: Framework) -> str:
        return images.runtime(framework).digest

    @contextmanager
    def open(self, spec: SandboxSpec) -> Iterator[DockerChannel]:
        runtime = images.runtime(spec.framework)
        with suppress(OSError):  # an installation of somebody else's: whether it can be read is asked next
            make_readable(self._inside)
        for folder in (spec.solution, self._inside):
            _readable_by_anyone(folder)
        with ExitStack() as stack:
            with engine.in_dockers_words():
                api = stack.enter_context(closing(engine.connected(self._engine)))
                leased = stack.enter_context(gpus.leased(spec.limits.gpus))
                self._kill_holders(api, leased)
                container = _created(api, runtime, self._inside, spec, self._cpus, leased)
                stack.callback(self._remove, api, container)
                watch = Watch(api, container)
                stack.callback(watch.close)
                channel = _started(api, container, watch)
                stack.callback(self._end, api, container, watch)
                stack.callback(channel.close)
            yield channel  # what the caller raises is the caller's, so it stands outside of the words above

    def sweep(self, course: str) -> list[str]:
        """Remove the containers of a course whose owner is dead; ids of what was removed. Never touches others."""
        with engine.in_dockers_words(), closing(engine.connected(self._engine)) as api:
            left = api.containers(all=True, filters={"label": [f"medmark.course={course}"]})
            dead = [one["Id"] for one in left if not is_alive(one["Labels"].get("medmark.owner", ""))]
            for container in dead:
                self._remove(api, container)
        return dead

    def about(self) -> str:
        """The engine in a few words.

        Raises:
            EngineFailure: it does not answer.
        """
        with engine.in_dockers_words(), closing(engine.connected(self._engine)) as api:
            said = api.info()
        return f"Docker {said['ServerVersion']}, cgroup v{said.get('CgroupVersion', '?')}, {said['NCPU']} cores"

    @engine.in_dockers_words()
    def _end(self, api: docker.APIClient, container: str, watch: Watch) -> None:
        """Kill the container and wait until the engine has removed it."""
        engine.reach(self._engine)
        try:
            api.kill(container)
        except docker.errors.APIError as error:
            if error.status_code not in (404, 409):  # gone already, or on its way
                raise
        watch.wait(GONE_WITHIN_S)

    @engine.in_dockers_words()
    def _remove(self, api: docker.APIClient, container: str) -> None:
        """Make sure that there is no such container any more: it never started, or the engine is slow to remove it."""
        engine.reach(self._engine)
        end = time.monotonic() + GONE_WITHIN_S
        while True:
            try:
                api.inspect_container(container)
                api.remove_container(container, force=True)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                if error.status_code != 409:  # 409: a removal is in progress
                    raise
            if time.monotonic() > end:
                raise EngineFailure(f"a container cannot be removed: docker rm --force {container[:12]}")
            time.sleep(0.01)

    def _kill_holders(self, api: docker.APIClient, leased: tuple[str, ...]) -> None:
        """Whoever holds a lease alone may use the GPU: a container left over from another marker goes first."""
        if not leased:
            return
        for one in api.containers(all=True, filters={"label": ["medmark.gpus"]}):
            if set(one["Labels"]["medmark.gpus"].split(",")) & set(leased):
                self._remove(api, one["Id"])


def _created(
    api: docker.APIClient,
    runtime: images.Runtime,
    inside: Path,
    spec: SandboxSpec,
    cpus: float,
    leased: tuple[str, ...],
) -> str:
    """Create the container, attached before it starts: only then does closing our end close the keeper's stdin."""
    if missing := [here for here, _ in runtime.mounts if not os.path.exists(here)]:
        raise ImageFailure(f"{missing[0]} is gone: {images.how_to_build(spec.framework)}")
    try:
        made = api.create_container(
            runtime.image,
            [runtime.python, "-I", "-B", "/medmark/start.py", "keeper"],
            stdin_open=True,
            detach=False,
            user="0:0",
            hostname="sandbox",
            working_dir="/",
            environment=_environment(runtime, spec, leased),
            labels={
                "medmark.course": spec.course,
                "medmark.run": spec.run,
                "medmark.owner": this_process(),
                "medmark.gpus": ",".join(leased),
            },
            host_config=api.create_host_config(**_host_config(runtime, inside, spec, cpus, leased)),
        )
    except docker.errors.ImageNotFound as error:
        cure = images.how_to_build(spec.framework)
        raise ImageFailure(f"the engine has no image for {spec.framework} ({error.explanation}): {cure}") from error
    return str(made["Id"])


def _host_config(
    runtime: images.Runtime, inside: Path, spec: SandboxSpec, cpus: float, leased: tuple[str, ...]
) -> dict[str, Any]:
    """The seal. Keeper and zygote keep three capabilities; a worker drops them all before it imports the solution."""
    limits = spec.limits
    scratch = limits.scratch_mb * 2**20
    mounts = [*runtime.mounts, (str(spec.solution.resolve()), "/solution"), (str(inside.resolve()), "/medmark")]
    return {
        "auto_remove": True,
        "network_mode": "none",
        "ipc_mode": "none",  # a namespace of its own, with our /dev/shm, which counts files too
        "read_only": True,
        "mounts": [Mount(target, here, type="bind", read_only=True) for here, target in mounts],
        "tmpfs": {
            "/scratch": f"size={scratch},nr_inodes={limits.scratch_files},uid=0,gid=0,mode=1733",
            "/zygote": "size=64m,nr_inodes=1000,uid=0,gid=0,mode=700",
            "/dev/shm": f"size={scratch},nr_inodes={limits.scratch_files},mode=1733",
        },
        "cap_drop": ["ALL"],
        "cap_add": ["SETUID", "SETGID", "KILL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": limits.memory_mb * 2**20,
        "memswap_limit": limits.memory_mb * 2**20,
        "nano_cpus": int(cpus * 1e9),
        "pids_limit": _pids(limits),
        "ulimits": [
            Ulimit(name="nofile", soft=4096, hard=4096),
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="fsize", soft=scratch, hard=scratch),
        ],
        "log_config": {"Type": "none", "Config": {}},
        "device_requests": [DeviceRequest(device_ids=list(leased), capabilities=[["gpu"]])] if leased else None,
    }


def _environment(runtime: images.Runtime, spec: SandboxSpec, leased: tuple[str, ...]) -> dict[str, str]:
    return {
        "PATH": f"{os.path.dirname(runtime.python)}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/zygote",
        "TMPDIR": "/zygote",
        "LANG": "C.UTF-8",
        "MEDMARK_SOLUTION": "/solution",
        "MEDMARK_SCRATCH": "/scratch",
        "MEDMARK_FRAMEWORK": spec.framework,
        "MEDMARK_FORGETS": "1" if spec.forgets else "",
        **COMPUTING,
        "CUDA_VISIBLE_DEVICES": ",".join(leased),
    }


def _pids(limits: Limits) -> int:
    """Threads count too, and the frameworks start some for each core of the machine, whatever the container may use."""
    return limits.processes + 32 + 16 * (os.cpu_count() or 1)


def _started(api: docker.APIClient, container: str, watch: Watch) -> DockerChannel:
    attached = api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    channel = DockerChannel(api, container, attached, watch)
    try:
        api.start(container)
    except engine.LOST as error:
        channel.close()
        words = engine.words(error)
        if "no such file" in words or "not found" in words:
            raise ImageFailure(f"the runtime image is broken: {words}") from error
        raise EngineFailure(f"docker start: {words}") from error
    return channel


def _readable_by_anyone(folder: Path) -> None:
    """A worker is a user that owns nothing, and the keeper is root without the right to read all that others own."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        weights = "weights" in Path(place).relative_to(folder).parts
        needed = [name for name in names if weights or name.endswith(".py")]
        paths = [(place, 0o005)] if needed or place == str(folder) else []
        for path, wanted in (*paths, *((os.path.join(place, name), 0o004) for name in needed)):
            if os.lstat(path).st_mode & wanted != wanted:
                raise InternalFailure(f"{path} cannot be read inside a container: chmod -R a+rX {folder}")
