"""Does several works at once, each in a process of its own: pytest runs within a process, so threads will not do.

One work is done in this process; so are all of them where this system cannot fork.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

from assignments.errors import MedmarkError, UserError
from graders.authoring.proving import FrameworkRun, OnProgress
from graders.failures import InternalFailure
from graders.runs.engines.processes import end_with_parent, start_forkserver

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Work = Callable[[Path, OnProgress], FrameworkRun]
"""(an empty folder, progress): one framework's rehearsal; it can be pickled."""


def in_turn(works: Sequence[Work], on_progress: OnProgress) -> list[FrameworkRun]:
    """Do works one after the other; the steps count through."""
    runs: list[FrameworkRun] = []
    before = last = 0
    for work in works:

        def step(text: str, done: int, of: int, before: int = before) -> None:
            nonlocal last
            last = before + done
            on_progress(text, last, before + of)

        with tempfile.TemporaryDirectory(prefix="medmark-rehearse-") as scratch:
            runs.append(work(Path(scratch), step))
        before = last
    return runs


def side_by_side(works: Sequence[Work], on_progress: OnProgress) -> list[FrameworkRun]:
    """Do works at once. If one fails, or on Ctrl-C, all end.

    Raises:
        UserError: a work raised it.
        InternalFailure: a work raised another exception, or its process ended early.
    """
    can_fork = "forkserver" in multiprocessing.get_all_start_methods() and not os.environ.get("MEDMARK_NO_FORK")
    if len(works) < 2 or not can_fork:
        return in_turn(works, on_progress)
    context = multiprocessing.get_context("forkserver")
    runs: dict[int, FrameworkRun] = {}
    steps = [(0, 0)] * len(works)
    with ExitStack() as stack:
        # Whatever the processes leave when they are ended lies in here.
        folder = tempfile.TemporaryDirectory(prefix="medmark-rehearse-", ignore_cleanup_errors=True)
        scratch = Path(stack.enter_context(folder))
        numbers: dict[Connection, int] = {}
        start_forkserver()
        for number, work in enumerate(works):
            reader, writer = context.Pipe(duplex=False)
            process = context.Process(target=_do, args=(work, scratch / str(number), writer), daemon=True)
            process.start()
            stack.callback(process.join)
            stack.callback(process.kill)
            stack.callback(reader.close)
            writer.close()
            numbers[reader] = number
        while numbers:
            ready = wait(list(numbers))
            for reader in [reader for reader in numbers if reader in ready]:
                number = numbers[reader]
                match _received(reader):
                    case {"step": [str(text), int(done), int(of)]}:
                        steps[number] = (done, of)
                        on_progress(text, sum(done for done, _ in steps), sum(of for _, of in steps))
                    case {"run": run}:
                        runs[number] = _adapter().validate_json(json.dumps(run))
                        del numbers[reader]
                    case {"user_error": str(text)}:
                        raise UserError(text)
                    case message:
                        raise InternalFailure(str(message.get("error", message)))
    return [runs[number] for number in range(len(works))]


def _received(reader: Connection) -> dict[str, object]:
    try:
        return dict(json.loads(reader.recv_bytes()))
    except EOFError:
        return {"error": "a process of the rehearsal ended early; perhaps memory ran out"}


def _adapter() -> TypeAdapter[FrameworkRun]:
    from pydantic import TypeAdapter

    return TypeAdapter(FrameworkRun)


def _do(work: Work, folder: Path, writer: Connection) -> None:
    """One process: do the work, and send its steps and its result."""
    os.setsid()  # Ctrl-C at the terminal is for the program alone, which then ends this process
    threading.Thread(target=end_with_parent, daemon=True).start()
    scratch = folder / "work"
    scratch.mkdir(parents=True)
    tempfile.tempdir = str(folder)

    def send(**message: object) -> None:
        writer.send_bytes(json.dumps(message).encode())

    try:
        run = work(scratch, lambda text, done, of: send(step=[text, done, of]))
        send(run=_adapter().dump_python(run, mode="json"))
    except UserError as error:
        send(user_error=str(error))
    except MedmarkError as error:
        send(error=str(error))
    except Exception:  # noqa: BLE001 - the program reports it
        send(error=traceback.format_exc())
