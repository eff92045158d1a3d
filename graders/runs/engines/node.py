"""On a machine that asks for a coordinator elsewhere: does packages. It has no label and no ledger.

    python -m graders.runs.engines.node DESCRIPTION_FILE BLOBS_FOLDER OUT_FILE
    python -m graders.runs.engines.node --serve BLOBS_FOLDER

The first does one package by files, and writes OUT_FILE in one step. The second does one after the other: each line of
stdin is a JSON list of a description's file and the file for its reply. It ends when stdin closes, so that it and its
sandboxes do not outlive the program that started it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import psutil

from assignments.files import replace_file
from graders.asking.job import Job
from graders.asking.journal import Journal
from graders.failures import EngineFailure, ImageFailure, ToolkitFailure
from graders.record.documents import JobResult, Trouble
from graders.record.store import Store
from graders.runs.engines.blobs import Blob
from graders.runs.engines.description import Description, read_description
from graders.runs.engines.engine import Engine, Outcome
from graders.runs.engines.folder_files import lay_out
from graders.runs.engines.processes import Processes, start_forkserver
from graders.runs.engines.reply_frame import framed
from graders.wall.sandboxes import SANDBOXES

FOLDERS = f"medmark-node-{socket.gethostname()}-"
"""How the folders of packages begin on this machine: others may share its temporary folder."""


def done(description: bytes, blobs: Path) -> bytes:
    """Do a package: ask, and return the frame of an outcome with the files of answers that it names.

    It never raises for what the job does. Another toolkit or runtime than was planned, a file that did not arrive
    whole and a full disk are outcomes that hold nothing but a trouble of this machine, in words.

    Args:
        description: of the package.
        blobs: the folder with a file for each digest.
    """
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix=f"{FOLDERS}{os.getpid()}-") as folder:
            try:
                outcome = _outcome(read_description(description), blobs, Path(folder))
            except ToolkitFailure as failure:
                outcome = _refused(failure, began)
            return framed(outcome, Path(folder, "answers"))
    except OSError as error:
        return framed(_refused(_of_disk(error), began), blobs)


def main(arguments: list[str]) -> int:
    """Do the packages that the command line, or stdin, names; the exit code."""
    remove_left_folders(Path(tempfile.gettempdir()))
    start_forkserver()
    match arguments:
        case ["--serve", blobs]:
            for line in _lines():
                description, out = json.loads(line)
                _do(Path(description), Path(blobs), Path(out))
            return 0
        case [description, blobs, out]:
            _do(Path(description), Path(blobs), Path(out))
            return 0
    print(__doc__, file=sys.stderr)
    return 2


def remove_left_folders(within: Path) -> None:
    """Remove the folders of this machine's packages whose program was killed."""
    for folder in within.glob(f"{FOLDERS}*-*"):
        pid = folder.name.removeprefix(FOLDERS).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)  # another user's stays


def _do(description: Path, blobs: Path, out: Path) -> None:
    replace_file(out, done(description.read_bytes(), blobs))


def _lines() -> Iterator[str]:
    """Lines of stdin as they come. At its end this program ends at once, whatever it is doing."""
    arrived, lines = threading.Semaphore(0), list[str]()

    def read() -> None:
        for line in sys.stdin:
            lines.append(line)
            arrived.release()
        os._exit(0)  # markers end with this process, and sandboxes with their markers

    threading.Thread(target=read, daemon=True).start()
    while True:
        arrived.acquire()
        yield lines.pop(0)


def _outcome(description: Description, blobs: Path, folder: Path) -> Outcome:
    """Ask in a marker process, in a folder of this package alone.

    Raises:
        ToolkitFailure: this machine cannot do it.
        OSError: the disk is full.
    """
    job = description.job(run=folder.name)
    if job.sandbox not in SANDBOXES:
        raise EngineFailure(f'this machine has no sandbox "{job.sandbox}"; it has {", ".join(SANDBOXES)}')
    # Whether a sandbox without a wall may run this code was decided where the command was typed.
    sandbox = SANDBOXES[job.sandbox]()
    here = sandbox.runtime(job.framework)
    if job.runtime and here != job.runtime:
        raise ImageFailure(
            f"the {job.framework} runtime of the {job.sandbox} sandbox is {here[:24]} on this machine, and "
            f"{job.runtime[:24]} at the coordinator: bring the same image here (medmark image --help)"
        )
    sandbox.sweep(job.course)
    store = Store(
        folder / "answers",
        {job.solution: lay_out(description.solution_files, blobs, folder / "solution")},
        {str(job.assignment.folder): lay_out(description.assignment_files, blobs, folder / "assignment")},
    )
    store.answers.mkdir()
    engine: Engine = Processes(partial(_ask, blobs, description.inputs, description.public))
    outcome = engine.run(job, store, description.deadline_s)
    engine.stop()
    return outcome


def _ask(
    blobs: Path, inputs: Mapping[int, Blob], public: Blob | None, job: Job, store: Store, journal: Journal
) -> JobResult:
    """In a marker process: ask for what the job lacks, with the inputs that crossed."""
    from graders.grade import ask_alone  # imported here alone: the process that starts markers needs none of it
    from graders.runs.engines.sent_inputs import read_inputs

    return ask_alone(
        job,
        lambda: (
            {repeat: read_inputs(blobs, blob) for repeat, blob in inputs.items()},
            None if public is None else read_inputs(blobs, public),
        ),
        store,
        journal,
    )


def _refused(failure: ToolkitFailure, began: float) -> Outcome:
    """The outcome where this machine cannot do a package."""
    return Outcome(JobResult(trouble=Trouble(failure.reason, str(failure))), "", time.monotonic() - began)


def _of_disk(error: OSError) -> EngineFailure:
    where = error.filename or tempfile.gettempdir()
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        text = f"the disk of this machine is full ({where}): make room there, or set TMPDIR to a larger folder"
        return EngineFailure(text)
    return EngineFailure(f"this machine cannot write or read {where}: {error.strerror}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
