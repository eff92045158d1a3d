"""Https hosts of this machine, with a certificate of their own: git talks to them as to any other."""

from __future__ import annotations

import http.server
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.graders.intake.repositories import git


class Answer(NamedTuple):
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class HttpsHost:
    """An https server in a thread; `answer` has the request's path and its Authorization header."""

    def __init__(self, context: ssl.SSLContext, answer: Callable[[str, str | None], Answer]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body, headers = answer(self.path, self.headers.get("Authorization"))
                self.send_response(status)
                for name, value in (*headers, ("Content-Length", str(len(body)))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.name = f"localhost:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def certified(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The context of a server on localhost that git trusts in this test."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key", "-out", folder / "certificate"],
        check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("GIT_SSL_CAINFO", str(folder / "certificate"))
    monkeypatch.setenv("no_proxy", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    return context


def serving(folder: Path, header: str | None = None) -> Callable[[str, str | None], Answer]:
    """The repositories of a folder, as git's plain protocol has them; without the right header, 401."""
    for repository in folder.iterdir():
        git(f"--git-dir={repository}", "update-server-info")

    def answer(path: str, authorization: str | None) -> Answer:
        if header is not None and authorization != header:
            return Answer(401, headers=(("WWW-Authenticate", 'Basic realm="git"'),))
        file = (folder / path.split("?")[0].lstrip("/")).resolve()
        if not file.is_relative_to(folder) or not file.is_file():
            return Answer(404)
        return Answer(200, file.read_bytes())

    return answer
