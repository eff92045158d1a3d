"""What a node does with a package in tests of Slurm: what the description says in one word.

`[engine] python` names `interpreter(folder)`, which runs this file in place of `python -m graders.runs.engines.node`.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path


def package(does, folder, number=0, blobs=()):
    """A package that tells a node to do one thing; `folder` is where it leaves marks."""
    from graders.runs.engines.package import Package

    description = json.dumps({"does": does, "folder": str(folder), "number": number, "blobs": sorted(blobs)}).encode()
    return Package(hashlib.sha256(description).hexdigest(), description, dict(blobs))


def interpreter(folder: Path) -> Path:
    """A program that a batch script takes for Python."""
    path = folder / "python"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -S {__file__} "$@"\n')
    path.chmod(0o755)
    return path


def main(description, blobs, out):
    job = json.loads(Path(description).read_bytes())
    folder = Path(job["folder"])
    began = folder / f"began {job['does']} {job['number']}"
    with began.open("a") as file:
        file.write(f"{os.getpid()} {os.environ.get('SLURMD_NODENAME')}\n")
    times = len(began.read_text().splitlines())
    match job["does"].split():
        case ["sleep", "first"]:
            time.sleep(600 if times == 1 else 0)
        case ["sleep", seconds]:
            time.sleep(float(seconds))
        case ["fail"]:
            sys.exit("a line for the log")
        case ["killed"]:
            os.kill(os.getppid(), signal.SIGKILL)
        case ["memory"]:
            held = b"1" * (1500 << 20)
            time.sleep(30)
            del held
        case ["large"]:
            job["large"] = "x" * (2 << 20)
        case ["read"]:
            texts = [(Path(blobs) / digest).read_text() for digest in job["blobs"]]
            job["read"] = texts
        case ["environment"]:
            job["environment"] = dict(os.environ)
    Path(out).write_text(json.dumps({**job, "times": times}))


if __name__ == "__main__":
    main(*sys.argv[3:])
