"""What the doctor says of a Docker engine that marking could not use."""

import socket

import pytest

from graders.runs.doctor import docker_trouble


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "http://[::1", "ssh://x@y", "here"])
def test_an_engine_that_marking_refuses_is_no_engine_that_answers(monkeypatch, address):
    monkeypatch.setenv("DOCKER_HOST", address)
    assert "it needs the engine's Unix socket" in docker_trouble()


def test_where_nobody_listens_the_cure_is_to_start_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    assert docker_trouble() == (
        f"no Docker engine answers at unix://{tmp_path}/none: install docker.io and start dockerd, or set DOCKER_HOST"
    )


def test_a_socket_that_this_user_may_not_open_has_a_cure_of_its_own(monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(socket.socket, "connect", refused)
    assert "sudo usermod -aG docker $USER" in docker_trouble()
