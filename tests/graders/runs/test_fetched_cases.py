"""Whoever clones a group's repository gets the handout's cases from one archive, and no others."""

from __future__ import annotations

import hashlib
import http.server
import ssl
import subprocess
import threading
import zipfile

import numpy as np
import pytest

from assignments.cases_archive import write_archive
from assignments.data.case_files import read_cases, write_cases
from assignments.errors import UserError
from assignments.handout_note import HandoutNote
from graders.runs.fetched_cases import fetch_cases

IMAGES = np.arange(96, dtype=np.int16).reshape(2, 6, 8)


@pytest.fixture
def handout(tmp_path):
    """A clone without cases, and the archive of the cases."""
    made = tmp_path / "made"
    files = write_cases(made / "data", "train", {"image": IMAGES})
    (made / "data/README.md").write_text("two cases\n")
    (made / "solution.py").write_text("mine")
    archive = tmp_path / "brain-data.zip"
    everything = [*files, made / "data/README.md", made / "solution.py"]
    digest = write_archive(made, everything, archive)
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "handout.json").write_text(HandoutNote("brain", "0.1.0", "", data=digest).text())
    return clone, archive


def test_the_cases_are_unpacked_where_the_handout_has_them(handout):
    clone, archive = handout
    written = fetch_cases(clone, str(archive))
    assert [path.relative_to(clone).as_posix() for path in written] == [
        "data/README.md", "data/train/0000.npz", "data/train/0001.npz",
    ]  # fmt: skip
    assert (read_cases(clone / "data", "train")["image"] == IMAGES).all()
    assert not (clone / "solution.py").exists()


def test_other_cases_are_refused_and_nothing_is_written(handout):
    clone, archive = handout
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(UserError, match="these are not the cases of this handout"):
        fetch_cases(clone, str(archive))
    assert not (clone / "data").exists()


@pytest.mark.parametrize(
    "name", ["../evil.npz", "/tmp/evil.npz", "data/../solution.py", "solution.py", "data/train/a.npz"]
)
def test_an_archive_with_another_file_writes_nothing(handout, name):
    clone, archive = handout
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr(name, b"evil")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    (clone / "handout.json").write_text(HandoutNote("brain", "0.1.0", "", data=digest).text())
    with pytest.raises(UserError, match="is not a file of cases"):
        fetch_cases(clone, str(archive))
    assert [path.name for path in clone.iterdir()] == ["handout.json"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("no-such-file.zip", "cannot be fetched"),
        ("http://example.org/brain.zip", "begins with https://"),
        ("file:///etc/passwd", "begins with https://"),
        ("https://127.0.0.1:9/brain.zip", "cannot be fetched"),
    ],
)
def test_what_cannot_be_fetched_is_said(handout, source, says):
    with pytest.raises(UserError, match=says):
        fetch_cases(handout[0], source)


def test_a_folder_that_is_no_handout_says_whom_to_ask(tmp_path):
    with pytest.raises(UserError, match=r"handout\.json names no cases to fetch"):
        fetch_cases(tmp_path, "x.zip")


def test_an_address_is_fetched_over_https(handout, tmp_path, monkeypatch):
    clone, archive = handout
    key = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
    ]  # fmt: skip
    subprocess.run(key, cwd=tmp_path, check=True, capture_output=True)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(archive.parent))

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    try:
        fetch_cases(clone, f"https://localhost:{server.server_port}/{archive.name}")
    finally:
        server.shutdown()
        server.server_close()
    assert (read_cases(clone / "data", "train")["image"] == IMAGES).all()
