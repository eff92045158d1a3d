"""Chooses the engine that does a course's jobs, and ends all of it afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic import ValidationError

from assignments.errors import UserError, nearest
from graders.course.course import Course, EngineSettings
from graders.record.read_documents import first_problem
from graders.runs.engines import ENGINES
from graders.runs.engines.engine import Engine


@contextmanager
def engine_of(
    course: Course, named: str | None = None, scheduler: str | None = None, *, preload: Sequence[str] = ()
) -> Iterator[Engine]:
    """The engine `named`, else the one of course.toml; at the end nothing of it runs any more.

    Args:
        course: its `[engine]` has the settings.
        named: a name of `ENGINES`.
        scheduler: the address of a Dask scheduler, in place of that of course.toml.
        preload: as for `Processes`.

    Raises:
        UserError: there is no such engine, or it has no scheduler.
    """
    changes = {"kind": named or ("dask" if scheduler else course.engine.kind)}
    if changes["kind"] not in ENGINES:
        raise UserError(f'--engine "{named}": {nearest(changes["kind"], ENGINES)}')
    if scheduler:
        changes["scheduler"] = scheduler
    elif changes["kind"] != "dask":
        changes["scheduler"] = ""
    try:
        settings = EngineSettings.model_validate({**course.engine.model_dump(), **changes})
    except ValidationError as error:
        problem = first_problem(error).removeprefix("the whole: Value error, ")
        raise UserError(f"--engine {changes['kind']}: {problem}") from None
    engine = ENGINES[settings.kind](settings, course.folder, preload)
    try:
        yield engine
    finally:
        engine.stop()
