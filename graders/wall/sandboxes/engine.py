"""Connects to the Docker engine, and turns its failures into EngineFailure with the engine's message."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import docker.errors
import requests.exceptions
import urllib3.exceptions

from graders.failures import EngineFailure

USUAL = "unix:///var/run/docker.sock"
LOST = (docker.errors.DockerException, requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)
"""Exceptions of the SDK when the engine refuses or is gone."""


def address() -> str:
    """The engine's socket: `$DOCKER_HOST`, or the usual one."""
    return os.environ.get("DOCKER_HOST") or USUAL


def connected(engine: str, timeout_s: int = 60) -> docker.APIClient:
    """The engine's API.

    Raises:
        EngineFailure: no engine listens, or not on a Unix socket: medmark mounts folders of this machine.
    """
    if not engine.startswith("unix://"):
        what = f"DOCKER_HOST is {engine}, but medmark mounts folders of this machine"
        raise EngineFailure(f"{what}: it needs the engine's Unix socket, such as {USUAL}")
    try:
        reach(engine)
        return docker.APIClient(base_url=engine, timeout=timeout_s, version="auto")
    except LOST as error:
        cure = "start it (systemctl start docker), or run medmark doctor"
        raise EngineFailure(f"the Docker engine at {engine} does not answer: {error}; {cure}") from error


def reach(engine: str) -> None:
    """Raise `OSError` if no engine listens. The SDK would notice too, but would leave a socket open."""
    with socket.socket(socket.AF_UNIX) as trial:
        trial.settimeout(10)
        trial.connect(engine.removeprefix("unix://"))


def message_of(error: BaseException) -> str:
    """The engine's own message for an error, where it has one."""
    return str(getattr(error, "explanation", None) or error or type(error).__name__)


@contextmanager
def with_docker_messages() -> Iterator[None]:
    """Turn any exception of the SDK in the block into an EngineFailure."""
    try:
        yield
    except LOST as error:
        raise EngineFailure(f"docker: {message_of(error)}") from error
