"""The sandbox for other people's code: one container per submission, closed off as `_host_config` says.

It starts the keeper and hands over its stdin and stdout; `graders.wall.session` speaks over them. Every failure here is
a toolkit failure: EngineFailure or ImageFailure, with Docker's own message.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import docker
import docker.errors
from docker.types import DeviceRequest, Mount, Ulimit

from assignments.assignment import Framework
from graders.failures import EngineFailure, ImageFailure
from graders.wall.modes import make_readable, refuse_unreadable
from graders.wall.sandboxes import engine, gpus, runtime_records
from graders.wall.sandboxes.docker_channel import DockerChannel, Watch
from graders.wall.sandboxes.owner import is_alive, this_process
from graders.wall.sandboxes.sandbox import INSIDE_FOLDER, SandboxSpec, inside_environment, processes_limit

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
    weakness = ""

    def __init__(self, *, cpus: float | None = None, inside: Path = INSIDE_FOLDER, address: str | None = None) -> None:
        self._cpus = cpus or min(2.0, float(os.cpu_count() or 1))
        self._inside = inside
        self._engine = address or engine.address()

    def runtime(self, framework: Framework) -> str:
        return runtime_records.runtime(framework).digest

    @contextmanager
    def open(self, spec: SandboxSpec) -> Iterator[DockerChannel]:
        runtime = runtime_records.runtime(spec.framework)
        with suppress(OSError):  # another user's installation: the next lines check whether it can be read
            make_readable(self._inside)
        for folder in (spec.solution, self._inside):
            refuse_unreadable(folder)
        with ExitStack() as stack:
            with engine.with_docker_messages():
                api = stack.enter_context(closing(engine.connected(self._engine)))
                leased = stack.enter_context(gpus.leased_for(spec, partial(self._kill_holders, api)))
                container = _created(api, runtime, self._inside, spec, self._cpus, leased)
                stack.callback(self._remove, api, container)
                watch = Watch(api, container)
                stack.callback(watch.close)
                channel = _started(api, container, watch)
                stack.callback(self._end, api, container, watch)
                stack.callback(channel.close)
            yield channel  # outside the block above: an exception of the caller is not Docker's

    def sweep(self, course: str) -> list[str]:
        """Remove the containers of a course whose owner is dead; their ids. Never touches other containers."""
        with engine.with_docker_messages(), closing(engine.connected(self._engine)) as api:
            containers = api.containers(all=True, filters={"label": [f"medmark.course={course}"]})
            dead = [entry["Id"] for entry in containers if not is_alive(entry["Labels"].get("medmark.owner", ""))]
            for container in dead:
                self._remove(api, container)
        return dead

    def about(self) -> str:
        """The engine's version, control groups and cores.

        Raises:
            EngineFailure: it does not answer.
        """
        with engine.with_docker_messages(), closing(engine.connected(self._engine)) as api:
            info = api.info()
        return f"Docker {info['ServerVersion']}, cgroup v{info.get('CgroupVersion', '?')}, {info['NCPU']} cores"

    @engine.with_docker_messages()
    def _end(self, api: docker.APIClient, container: str, watch: Watch) -> None:
        """Kill the container and wait until the engine has removed it."""
        engine.reach(self._engine)
        try:
            api.kill(container)
        except docker.errors.APIError as error:
            if error.status_code not in (404, 409):  # gone already, or on its way
                raise
        watch.wait(GONE_WITHIN_S)

    @engine.with_docker_messages()
    def _remove(self, api: docker.APIClient, container: str) -> None:
        """Make sure that a container is gone, also if it never started or the engine is slow to remove it."""
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
        """Remove containers of dead markers from leased GPUs: only the holder of the lease may use them."""
        for holder in api.containers(all=True, filters={"label": ["medmark.gpus"]}):
            if set(holder["Labels"]["medmark.gpus"].split(",")) & set(leased):
                self._remove(api, holder["Id"])


def _created(
    api: docker.APIClient,
    runtime: runtime_records.Runtime,
    inside: Path,
    spec: SandboxSpec,
    cpus: float,
    leased: tuple[str, ...],
) -> str:
    """Create the container, to be attached before it starts: only then does hanging up close the keeper's stdin."""
    if missing := [here for here, _ in runtime.mounts if not os.path.exists(here)]:
        raise ImageFailure(f"{missing[0]} is gone: {runtime_records.how_to_build(spec.framework, runtime)}")
    try:
        container = api.create_container(
            runtime.image,
            [runtime.python, "-I", "-B", "/medmark/start.py", "keeper"],
            stdin_open=True,
            detach=False,
            user="0:0",
            hostname="sandbox",
            working_dir="/",
            environment=inside_environment(runtime.python, spec, leased),
            labels={
                "medmark.course": spec.course,
                "medmark.run": spec.run,
                "medmark.owner": this_process(),
                "medmark.gpus": ",".join(leased),
            },
            host_config=api.create_host_config(**_host_config(runtime, inside, spec, cpus, leased)),
        )
    except docker.errors.ImageNotFound as error:
        cure = runtime_records.how_to_build(spec.framework, runtime)
        raise ImageFailure(f"the engine has no image for {spec.framework} ({error.explanation}): {cure}") from error
    return str(container["Id"])


def _host_config(
    runtime: runtime_records.Runtime, inside: Path, spec: SandboxSpec, cpus: float, leased: tuple[str, ...]
) -> dict[str, Any]:
    """The container's limits and rights: keeper and zygote have three capabilities, a worker drops them all."""
    limits = spec.limits
    scratch = limits.scratch_mb * 2**20
    mounts = [*runtime.mounts, (str(spec.solution.resolve()), "/solution"), (str(inside.resolve()), "/medmark")]
    return {
        "auto_remove": True,
        "network_mode": "none",
        "ipc_mode": "none",  # a namespace of its own, with the /dev/shm below, which counts files too
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
        "pids_limit": processes_limit(limits),
        "ulimits": [
            Ulimit(name="nofile", soft=4096, hard=4096),
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="fsize", soft=scratch, hard=scratch),
        ],
        "log_config": {"Type": "none", "Config": {}},
        "device_requests": [DeviceRequest(device_ids=list(leased), capabilities=[["gpu"]])] if leased else None,
    }


def _started(api: docker.APIClient, container: str, watch: Watch) -> DockerChannel:
    attached = api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    channel = DockerChannel(api, container, attached, watch)
    try:
        api.start(container)
    except engine.LOST as error:
        channel.close()
        message = engine.message_of(error)
        if "no such file" in message or "not found" in message:
            raise ImageFailure(f"the runtime image is broken: {message}") from error
        if "could not select device driver" in message:
            message += " (Docker has no runtime for GPUs: install nvidia-container-toolkit, and restart Docker)"
        raise EngineFailure(f"docker start: {message}") from error
    return channel
