"""Reads results from JSON and validates them, at two seams: where they leave a marker process, and the ledger.

No code between these checks them again. `graders.record.older_documents` reads the results that medmark stored before
they had a schema number.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from graders.record.documents import RESULTS, SCHEMA, JobResult, Result, ScoreResult, StageKind
from graders.record.older_documents import NO_SCHEMA, upgraded

if TYPE_CHECKING:
    from pydantic import ValidationError


class Malformed(ValueError):
    """A text that is not a result: says what is wrong, and where in it."""


class Newer(Malformed):
    """A result that a newer medmark wrote."""


def result(kind: StageKind, text: str | bytes, *, older: bool = True) -> Result:
    """The result of a stage from its JSON, of this schema or, unless `older` forbids it, of an earlier one.

    Raises:
        Malformed: it is not one, or a newer medmark wrote it.
    """
    return cast(Result, _read(kind, text, older))


def job_result(text: str | bytes) -> JobResult:
    """The result of a job from its JSON; only a marker process of this version writes one.

    Raises:
        Malformed: it is not one.
    """
    return cast(JobResult, _read(None, text, older=False))


def _read(kind: StageKind | None, text: str | bytes, older: bool) -> Any:
    from pydantic import ValidationError  # here, since commands that read no result need not import it

    if text.endswith(_AS_WRITTEN[type(text)]):  # most are complete and of this schema: they are parsed once
        with contextlib.suppress(ValidationError):
            return _checked(kind, _validator(kind).validate_json(text))
    try:
        plain = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"it is not JSON: {error}") from error
    if not isinstance(plain, dict):
        raise Malformed("it is not an object of JSON")
    schema = plain.get("schema", NO_SCHEMA)
    if type(schema) is int and schema > SCHEMA:
        raise Newer(f"its schema is {schema} and this medmark reads up to {SCHEMA}: pip install --upgrade medmark")
    if type(schema) is not int or schema < NO_SCHEMA:
        raise Malformed(f"its schema is {schema!r}")
    if schema == NO_SCHEMA:
        if kind is None or not older:
            raise Malformed("it has no schema number")
        try:
            text = json.dumps({**upgraded(kind, plain), "schema": SCHEMA})
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise Malformed(f"it has no schema number and is not of the former form: {error!r}") from error
    try:
        result = _validator(kind).validate_json(text)
    except ValidationError as error:
        raise Malformed(first_problem(error)) from error
    return _checked(kind, result)


_AS_WRITTEN: Final[Mapping[type, Any]] = {str: f',"schema":{SCHEMA}}}', bytes: f',"schema":{SCHEMA}}}'.encode()}
"""The end of each text that `to_json` wrote."""


def _checked(kind: StageKind | None, result: Any) -> Any:
    stages = [result] if kind else [*result.tests.values(), *result.answers.values(), *result.scores.values()]
    for stage in stages:
        _refuse_contradictions(stage)
    return result


def _refuse_contradictions(result: Result) -> None:
    """Raise if a result contradicts itself, which its types alone would allow."""
    if isinstance(result, ScoreResult):
        if (result.verdict == "passed") != (result.measured is not None):
            raise Malformed(f"measured: a score that is {result.verdict!r} with measured = {result.measured}")
    elif (result.verdict == "passed") != (result.cause is None):
        raise Malformed(f"cause: {result.verdict!r} with cause = {result.cause}")


@cache
def _validator(kind: StageKind | None) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(JobResult if kind is None else RESULTS[kind])


def first_problem(error: ValidationError) -> str:
    """The first problem that pydantic reports, and where it is."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number of JSON")
