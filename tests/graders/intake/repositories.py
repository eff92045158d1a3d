"""Real Git repositories for tests, made by two processes each: fast-import writes any tree, hostile ones too."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

ENVIRONMENT = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/"}


class Link(NamedTuple):
    target: str


class Module(NamedTuple):
    commit: str = "1" * 40


Content = str | bytes | Link | Module


def make(folder: Path, files: Mapping[str, Content] | None = None, branch: str = "main") -> str:
    """A bare repository in `folder`, with one commit when there are files; returns its id, or ""."""
    git("init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}", str(folder))
    return push(folder, files, branch) if files else ""


def push(
    folder: Path,
    files: Mapping[str, Content],
    branch: str = "main",
    *,
    message: str = "Work",
    author: str = "Ada <ada@ucl.ac.uk>",
    date: str = "1768471200 +0000",
    force: bool = False,
) -> str:
    """A commit of exactly these files on top of the branch, or in place of it with `force`; returns its id."""
    ref = folder / "refs/heads" / branch
    before = ref.read_text().strip() if ref.exists() and not force else None
    stream = [f"commit refs/heads/{branch}", f"author {author} {date}", f"committer {author} {date}"]
    head = "\n".join(stream).encode() + b"\n" + _data(message.encode())
    head += f"from {before}\ndeleteall\n".encode() if before else b"deleteall\n"
    subprocess.run(
        ["git", f"--git-dir={folder}", "fast-import", "--quiet", "--force"],
        input=head + b"".join(_file(name, content) for name, content in files.items()),
        check=True, env=ENVIRONMENT, capture_output=True,
    )  # fmt: skip
    return ref.read_text().strip()


def git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], check=True, env=ENVIRONMENT, capture_output=True, text=True
    ).stdout.strip()


def at(text: str) -> datetime:
    """A moment of 15 January 2027 in UTC, which is London's time then: at("12:03")."""
    return datetime.fromisoformat(f"2027-01-15T{text}").replace(tzinfo=UTC)


def _file(name: str, content: Content) -> bytes:
    quoted = '"' + "".join(_escaped(byte) for byte in os.fsencode(name)) + '"'
    if isinstance(content, Module):
        return f"M 160000 {content.commit} {quoted}\n".encode()
    if isinstance(content, Link):
        return f"M 120000 inline {quoted}\n".encode() + _data(content.target.encode())
    body = content if isinstance(content, bytes) else content.encode()
    return f"M 100644 inline {quoted}\n".encode() + _data(body)


def _escaped(byte: int) -> str:
    return f"\\{byte:03o}" if byte < 32 or byte > 126 or chr(byte) in '"\\' else chr(byte)


def _data(content: bytes) -> bytes:
    return f"data {len(content)}\n".encode() + content + b"\n"
