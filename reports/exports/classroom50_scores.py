"""Classroom 50's gradebook, `scores.json`: read, and written with scores of a teacher in it.

Nothing imports scores into Classroom 50. A teacher's score is an entry with `override`, whose newest record begins with
`submit/manual-`: its web app writes such, pages show the newest record, and the collection of scores leaves an entry
with `override` as it is.

Evidence: Classroom 50's source (foundation50/classroom50), schemas/scores-v1.schema.json,
web/src/domain/assignments/scoreOverride.ts, web/src/hooks/useGetScores.ts and collect_scores.py.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from assignments.errors import UserError

NAME: Final = "scores.json of Classroom 50"
SCORES: Final = "classroom50/scores/v1"
RESULT: Final = "classroom50/result/v1"
MANUAL: Final = "submit/manual-"
"""How the tag of a teacher's own record begins."""
INDIVIDUAL: Final = "individual"
MODES: Final = (INDIVIDUAL, "group", "team")
AGAIN: Final = "Take CLASSROOM/scores.json anew from the repository classroom50 of your organization"


@dataclass(frozen=True)
class ScoreEntry:
    """The record of one repository."""

    index: int
    owner: str
    """A GitHub user name; of a team `group-1`."""
    usernames: tuple[str, ...]
    """Whom its score is credited to."""
    override: bool
    score: tuple[int, int] | None
    """The score that pages show, and its maximum."""
    by_teacher: bool
    """Whether a teacher entered it."""
    newest: datetime | None
    """The time of the newest submission that nobody entered by hand."""


@dataclass(frozen=True)
class AssignmentScores:
    """The scores of one assignment."""

    slug: str
    mode: str
    classroom: str
    """The classroom's short name."""
    entries: tuple[ScoreEntry, ...]
    collected_at: datetime | None


@dataclass(frozen=True)
class NewScore:
    """A score to write."""

    owner: str
    index: int | None
    """Of the entry; None for a new one."""
    score: int
    maximum: int
    at: datetime


@dataclass(frozen=True)
class ScoresFile:
    """The gradebook of a classroom."""

    data: bytes
    document: Mapping[str, Any]

    @property
    def slugs(self) -> tuple[str, ...]:
        return tuple(self.document["assignments"])

    def of(self, slug: str, classroom: str = "") -> AssignmentScores:
        """The scores of an assignment.

        Args:
            classroom: The classroom's name as a person says it, where no record of the file says it.

        Raises:
            UserError: the classroom is open, or is another one.
        """
        bucket = self.document["assignments"][slug]
        names = sorted({str(record["classroom"]) for record in self._records() if record.get("classroom")})
        if len(names) > 1 or (names and classroom not in ("", *names)):
            raise UserError(f"{NAME}: its records are of the classroom {' and '.join(names)}. {AGAIN}.")
        if not names and not classroom:
            raise UserError(
                f"{NAME}: no record says which classroom this is: name it as well, with --column CLASSROOM/{slug}"
            )
        entries = tuple(_entries(slug, bucket))
        return AssignmentScores(slug, bucket["type"], classroom or names[0], entries, _time(bucket.get("collected_at")))

    def _records(self) -> Iterator[Mapping[str, Any]]:
        for bucket in self.document["assignments"].values():
            for entry in bucket["entries"]:
                yield from (record for record in _submissions(entry) if isinstance(record, dict))

    def with_scores(self, scores: AssignmentScores, new: Sequence[NewScore]) -> bytes:
        """The file with these scores: an entry keeps its other submissions, and all other entries stay.

        The web app and the collection of scores write the file in one form each, which is kept.
        """
        if not new:
            return self.data
        document = copy.deepcopy(dict(self.document))
        entries = document["assignments"][scores.slug]["entries"]
        for each in new:
            record = _manual(each, scores)
            if each.index is None:
                entries.append({"owner": each.owner, "override": True, "submissions": [record]})
                continue
            entry = entries[each.index]
            entry["override"] = True
            entry["submissions"] = [record, *(old for old in _submissions(entry) if not _is_manual(old))]
        return _written(document, ascii=_written(self.document, ascii=True) == self.data)

    @property
    def keeps_its_form(self) -> bool:
        """Whether exactly the entries with new scores differ, and no white space beside."""
        return self.data in (_written(self.document, ascii=True), _written(self.document, ascii=False))


def read_scores(data: bytes) -> ScoresFile:
    """The gradebook in these bytes.

    Raises:
        UserError: they are not such a file.
    """
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_without_doubles, parse_constant=_refuse)
    except UnicodeDecodeError:
        raise UserError(f"{NAME}: is not text in UTF-8. {AGAIN}.") from None
    except ValueError as error:
        raise UserError(f"{NAME}: is not JSON ({error}). {AGAIN}.") from None
    if not isinstance(document, dict) or document.get("schema") != SCORES:
        raise UserError(f'{NAME}: its "schema" is not "{SCORES}". {AGAIN}: not result.json, roster.csv or a CSV.')
    buckets = document.get("assignments")
    if not isinstance(buckets, dict):
        raise UserError(f'{NAME}: it has no "assignments". {AGAIN}.')
    for slug, bucket in buckets.items():
        sound = isinstance(bucket, dict) and bucket.get("type") in MODES and isinstance(bucket.get("entries"), list)
        if not sound or not all(isinstance(entry, dict) for entry in bucket["entries"]):
            raise UserError(f'{NAME}: the part of "{slug}" is not as Classroom 50 writes it. {AGAIN}.')
    return ScoresFile(data, document)


def _without_doubles(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    double = next((key for key in keys if keys.count(key) > 1), None)
    if double is not None:
        raise ValueError(f'"{double}" stands twice')
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a number")


def _entries(slug: str, bucket: Mapping[str, Any]) -> Iterator[ScoreEntry]:
    for index, entry in enumerate(bucket["entries"]):
        owner, members, records = entry.get("owner"), entry.get("member_usernames") or [], _submissions(entry)
        if not isinstance(owner, str) or not owner or not isinstance(members, list) or not all(map(_is_sound, records)):
            raise UserError(f'{NAME}: entry {index + 1} of "{slug}" is not as Classroom 50 writes it. {AGAIN}.')
        # Pages show the newest record, wherever it stands.
        shown = max(records, key=_moment, default=None)
        yield ScoreEntry(
            index,
            owner,
            (owner,) if bucket["type"] == INDIVIDUAL or not members else tuple(map(str, members)),
            override=entry.get("override") is True,
            score=None if shown is None else (shown["score"], shown["max-score"]),
            by_teacher=shown is not None and _is_manual(shown),
            newest=max((_moment(record) for record in records if not _is_manual(record)), default=None),
        )


def _is_sound(record: object) -> bool:
    """Whether a record has what is read of it."""
    return (
        isinstance(record, dict)
        and all(type(record.get(key)) is int for key in ("score", "max-score"))
        and _time(record.get("datetime")) is not None
    )


def _submissions(entry: Mapping[str, Any]) -> list[Any]:
    submissions = entry.get("submissions")
    return submissions if isinstance(submissions, list) else []


def _is_manual(record: Mapping[str, Any]) -> bool:
    return str(record.get("submission", "")).startswith(MANUAL)


def _moment(record: Mapping[str, Any]) -> datetime:
    return _time(record["datetime"]) or datetime.min.replace(tzinfo=UTC)


def _time(text: object) -> datetime | None:
    """A time as Classroom 50 writes it, `2026-11-20T16:58:03Z`."""
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return time if time is not None and time.tzinfo is not None else None


def after(newest: datetime | None, at: datetime | None) -> datetime | None:
    """When a record has to be to count as the newest: at this time, or a second after all others.

    A submission's time is what a student's clock said, and may lie in the future.
    """
    at = at and at.replace(microsecond=0)
    if newest is None or (at is not None and at > newest):
        return at
    return newest + timedelta(seconds=1)


def _manual(new: NewScore, scores: AssignmentScores) -> dict[str, Any]:
    """A teacher's record: it stands for no release, and so its addresses are its own tag."""
    time = new.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    tag = f"{MANUAL}{time.replace(':', '-')}"
    return {
        "schema": RESULT,
        "classroom": scores.classroom,
        "assignment_type": scores.mode,
        "owner": new.owner,
        **dict.fromkeys(("submission", "commit", "release", "review"), tag),
        "datetime": time,
        "score": new.score,
        "max-score": new.maximum,
        "tests": [],
    }


def _written(document: Mapping[str, Any], *, ascii: bool) -> bytes:
    """In the form of the collection of scores, which escapes, or of the web app, which does not."""
    return (json.dumps(document, indent=2, allow_nan=False, ensure_ascii=ascii) + "\n").encode()
