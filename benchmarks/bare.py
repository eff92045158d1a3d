"""Replays the recorded calls of one submission in one bare process: the cost of marking without the wall.

    python benchmarks/bare.py FRAMEWORK SOLUTION_FOLDER RECORD_FOLDER

It uses one thread, imports the framework once and decodes the recorded frames; there is no keeper, fork or socket.
`benchmarks/overhead.py` runs it.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


def main() -> None:
    """Make every recorded call, worker by worker."""
    framework, solution, record = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    adapter = importlib.import_module(f"graders.wall.inside.adapter_{framework}")
    from graders.wall.inside.frames import PREFIX
    from graders.wall.inside.worker import WorkerLoop

    adapter.prepare()
    import json

    scratch = tempfile.mkdtemp()
    for number, folder in enumerate(sorted(record.iterdir())):
        os.makedirs(f"{scratch}/{number}")
        os.chdir(f"{scratch}/{number}")
        order = {"framework": framework, "solution": solution, "reply_bytes": 1 << 30}
        worker = WorkerLoop(order, -1, -1)
        for path in sorted(folder.iterdir()):
            frame = path.read_bytes()
            head_size, _ = PREFIX.unpack(frame[: PREFIX.size])
            head = json.loads(frame[PREFIX.size : PREFIX.size + head_size])
            answer, _ = worker._answer(head, bytearray(frame[PREFIX.size + head_size :]))
            if answer["kind"] != "value":
                raise SystemExit(f"{path}: {answer}")


if __name__ == "__main__":
    main()
