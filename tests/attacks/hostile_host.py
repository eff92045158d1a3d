"""An https host that a test controls, and that records the requests it receives. git speaks to it as to any other."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Behaviour = Callable[[socket.socket, str], None]
"""Answers one request: the connection, and the request's path."""


def certificate(folder: Path) -> Path:
    """A certificate of `localhost` and its key in one file."""
    whole = folder / "localhost.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key", "-out", folder / "crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    whole.write_text((folder / "crt").read_text() + (folder / "key").read_text())
    return whole


class HostileHost:
    """Use as a context manager; `address` is a repository on it."""

    def __init__(self, pem: Path, behave: Behaviour) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self._behave = behave
        self.requests: list[str] = []
        self._answering: list[tuple[threading.Thread, ssl.SSLSocket]] = []

    def __enter__(self) -> HostileHost:
        self._socket = socket.create_server(("localhost", 0))
        self.name = f"localhost:{self._socket.getsockname()[1]}"
        self.address = f"https://{self.name}/a/b.git"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        # Only its own thread closes a connection: one that another thread closed would leave this one to write on into
        # whatever file takes its descriptor next, such as the messages of the next git.
        for thread, connection in self._answering:
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # of what lies below TLS, which the thread uses
            thread.join()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            plain.settimeout(30)  # a busy machine may take seconds for a handshake
            with suppress(OSError):  # git hung up before the handshake
                connection = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
                thread = threading.Thread(target=self._answer, args=(connection,), daemon=True)
                self._answering.append((thread, connection))
                thread.start()

    def _answer(self, connection: ssl.SSLSocket) -> None:
        with connection, suppress(OSError, IndexError):  # an error says that git hung up: it has seen enough
            connection.do_handshake()
            request = b""
            while b"\r\n\r\n" not in request and (piece := connection.recv(65536)):
                request += piece
            head = request.decode("latin-1")
            self.requests.append(head)
            self._behave(connection, head.split()[1])

    def sent(self, word: str) -> bool:
        """Whether any request held this word."""
        return any(word in request for request in self.requests)


def replying(status: str, body: bytes = b"", *headers: str, kind: str = "text/plain") -> Behaviour:
    """The same answer to every request."""
    # Said, since the connection ends after it: a client must not send its next request into one that is going.
    about = ["Connection: close", f"Content-Length: {len(body)}", f"Content-Type: {kind}"]
    head = [f"HTTP/1.1 {status}", *about, *headers]
    return lambda connection, path: connection.sendall("\r\n".join([*head, "", ""]).encode() + body)


def without_end(start: bytes, piece: bytes, pause_s: float = 0.0) -> Behaviour:
    """An answer of the right kind that never ends."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nConnection: close\r\n\r\n"

    def behave(connection: socket.socket, path: str) -> None:
        connection.sendall(head + start)
        while True:
            connection.sendall(piece)
            threading.Event().wait(pause_s)

    return behave
