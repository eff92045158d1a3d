"""The reply to a package, as one frame of bytes: an outcome as JSON, and the files of answers that it names.

Nothing in it is unpickled. The coordinator checks the outcome as it checks that of a marker process, and each file
against its name, which is a digest of its content.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assignments.files import replace_file
from graders.asking.journal import QuestionId
from graders.failures import EngineFailure, InternalFailure
from graders.record.documents import JobResult, to_json
from graders.record.read_documents import Malformed, job_result
from graders.record.store import Store
from graders.runs.engines.engine import Outcome

HEAD = struct.Struct("<I")
MAX_HEAD_BYTES = 256 << 20
ANSWER_FILE = re.compile(r"[0-9a-f]{32}\.npz")


def framed(outcome: Outcome, answers: Path) -> bytes:
    """The frame of an outcome, with the files of answers that it names.

    Raises:
        OSError: one cannot be read.
    """
    files = {name: (answers / name).read_bytes() for name in sorted(set(_named(outcome)))}
    head = {
        "document": None if outcome.document is None else json.loads(to_json(outcome.document)),
        "stages_done": json.loads(to_json(outcome.stages_done)),
        "trouble": outcome.trouble,
        "wall_s": outcome.wall_s,
        "question": None if outcome.question is None else asdict(outcome.question),
        "limit": outcome.limit,
        "crashed": outcome.crashed,
        "waited": list(outcome.waited),
        "files": [[name, len(content)] for name, content in files.items()],
    }
    text = json.dumps(head, allow_nan=False, separators=(",", ":")).encode()
    return b"".join([HEAD.pack(len(text)), text, *files.values()])


def store_reply(reply: bytes, store: Store, machine: str) -> Outcome:
    """The outcome in a frame; the files of answers that it names are in `store` when this returns.

    Raises:
        EngineFailure: the frame is cut off, is not one, or a file is not what its name says.
        InternalFailure: the files cannot be stored.
    """
    try:
        outcome, files = _parsed(memoryview(reply), machine)
    except (ValueError, KeyError, TypeError, RecursionError, struct.error) as error:
        raise EngineFailure(f"the reply of {machine or 'a machine'} cannot be used: {error}") from error
    for name in set(_named(outcome)):
        if name not in files:
            raise EngineFailure(f"the reply of {machine or 'a machine'} lacks the file of answers {name}")
        if (store.answers / name).is_file():
            continue  # equal names are equal answers
        try:
            replace_file(store.answers / name, bytes(files[name]))
        except OSError as error:
            raise InternalFailure(f"the answers cannot be stored: {error.filename}: {error.strerror}") from error
    return outcome


def _parsed(frame: memoryview, machine: str) -> tuple[Outcome, dict[str, memoryview]]:
    (length,) = HEAD.unpack_from(frame)
    if not length <= min(MAX_HEAD_BYTES, len(frame) - HEAD.size):
        raise ValueError("it is cut off")
    head = json.loads(bytes(frame[HEAD.size : HEAD.size + length]), parse_constant=_refuse)
    files = _files(head["files"], frame[HEAD.size + length :])
    match head:
        case {
            "document": dict() | None as document,
            "stages_done": dict(stages_done),
            "trouble": str(trouble),
            "wall_s": float() | int() as wall_s,
            "question": dict() | None as question,
            "limit": bool(limit),
            "crashed": bool(crashed),
            "waited": [int(limits), float() | int() as idle_s],
        }:
            return Outcome(
                None if document is None else _result(document),
                trouble,
                float(wall_s),
                _result(stages_done),
                None if question is None else _question(question),
                limit,
                crashed,
                (limits, float(idle_s)),
                machine=machine,
            ), files
    raise ValueError("it is not an outcome")


def _files(listed: Any, body: memoryview) -> dict[str, memoryview]:
    files: dict[str, memoryview] = {}
    start = 0
    for name, size in listed:
        if type(name) is not str or not ANSWER_FILE.fullmatch(name) or type(size) is not int or size < 0:
            raise ValueError("it names a file that holds no answers")
        content = body[start : start + size]
        if len(content) != size or hashlib.sha256(content).hexdigest()[:32] != name.removesuffix(".npz"):
            raise ValueError(f"the file {name} is damaged")
        files[name] = content
        start += size
    if start != len(body):
        raise ValueError("it has more bytes than its files")
    return files


def _result(document: Mapping[str, Any]) -> JobResult:
    result = job_result(json.dumps(document))
    if result.scores:
        raise Malformed("a machine without labels scored something")
    return result


def _question(plain: Mapping[str, Any]) -> QuestionId:
    if set(plain) != {"stage", "name", "part"} or not all(type(value) is str for value in plain.values()):
        raise ValueError("it names no question")
    if plain["stage"] not in ("test", "answers", "all"):
        raise ValueError(f"it ended at a question of a kind that is not asked there: {plain['stage'][:40]}")
    return QuestionId(**plain)


def _named(outcome: Outcome) -> Iterator[str]:
    """The files of answers that an outcome names."""
    for result in (outcome.document, outcome.stages_done):
        for answers in result.answers.values() if result is not None else ():
            yield from filter(None, (answers.file, answers.public.file if answers.public else None))


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number of JSON")
