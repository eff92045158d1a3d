"""Results for Gradescope: a ZIP that is an autograder, and has a `results.json` for each group.

Gradescope takes results from nothing but an autograder that runs in its own machines. This one looks up who handed a
submission in, by e-mail address, and copies their group's results. It runs nothing that students wrote.

A score is that of a submission, and so of everybody in it: the group's mark, without what concerns one person.

Evidence: Gradescope's documents (gradescope-autograders.readthedocs.io) and the harness in the images of its
autograders, which reports the score of 0 for a broken file, and no score of its own for a missing one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final

from graders.course.roster import Group, Member
from reports.archives import archive
from reports.exports.export import ExportRules, Filled, Marks, RowLine, RowOutcome, cell_text, check_rules, scaled
from reports.exports.gradescope_results import results_of, score_of_group
from reports.exports.rows import has_mark, state_of
from reports.feedback import HandIn, headline_of
from reports.numbers import number

SETUP: Final = "setup.sh"
RUN: Final = "run_autograder"
"""Gradescope wants both in the root of the ZIP."""
PEOPLE: Final = "people.json"
NO_FILE: Final = (
    "there is no results.json for it. By Gradescope's documents its autograder then fails, and they do not say what "
    "score that shows: look at its submission there"
)


def fill(sheet: bytes, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """An autograder with the results of every group that has a whole mark.

    Raises:
        UserError: the rules name a column or participants, of which there are none.
    """
    check_rules(rules, "Gradescope", "maximum")
    maximum = rules.maximum or Decimal(marks.assignment.points)
    results: dict[str, bytes] = {}
    people: dict[str, str] = {}
    lines: list[RowLine] = []
    shared = _shared_addresses(roster)
    for group in roster:
        mark = marks.groups.get(group.name)
        score = score_of_group(mark, maximum) if mark else None
        if mark is None or score is None:
            state = headline_of(mark.status) if mark else "there is none yet"
            lines.append(RowLine(RowOutcome.NO_MARK, group.name, why=f"{state}: {NO_FILE}"))
            continue
        hand_in = marks.hand_ins.get(group.name) or HandIn(group.name)
        name = f"results/{group.name}/results.json"
        results[name] = _json(results_of(mark, marks.assignment, hand_in, maximum))
        lines.append(RowLine(RowOutcome.WRITTEN, group.name, mark=cell_text(score), why=f"as {name}"))
        lines += filter(None, (_line(member, score, marks, maximum, shared) for member in group.members))
        people |= {_key(member): group.name for member in group.members if _gets_results(member, marks, shared)}
    return Filled(_autograder(people, results), tuple(lines), tuple(_notes(lines, marks, maximum)))


def _autograder(people: Mapping[str, str], results: Mapping[str, bytes]) -> bytes:
    program = files("reports.exports").joinpath("gradescope_autograder.py").read_bytes()
    setup = b"#!/bin/sh\n# Nothing to install: the results are in this archive.\n"
    fixed = {SETUP: setup, RUN: program, PEOPLE: _json(dict(sorted(people.items())))}
    return archive(fixed | dict(results), runnable=[SETUP, RUN])


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, allow_nan=False) + "\n").encode()


def _key(member: Member) -> str:
    return member.email.strip().casefold()


def _shared_addresses(roster: Sequence[Group]) -> frozenset[str]:
    """Addresses that name nobody for certain."""
    counts = Counter(_key(member) for group in roster for member in group.members)
    return frozenset(address for address, count in counts.items() if count > 1 or not address)


def _gets_results(member: Member, marks: Marks, shared: frozenset[str]) -> bool:
    """Whether a submission with this person in it gets results: never for someone who has no mark of their own."""
    return has_mark(marks, member) and _key(member) not in shared


def _line(member: Member, score: Decimal, marks: Marks, maximum: Decimal, shared: frozenset[str]) -> RowLine | None:
    """What comes of one member of a group with results; None where they get the group's mark, and it is theirs."""
    if not has_mark(marks, member):
        why = (
            f"{state_of(marks, member)}: a submission with this person in it gets no results; on Gradescope, take them "
            "out of their group's submission, and run it again"
        )
        return RowLine(RowOutcome.NO_MARK, member.id, why=why)
    own = scaled(marks.people[member.id], maximum)
    if _key(member) in shared:
        address = f"shares the address {member.email}" if member.email.strip() else "has no e-mail address"
        why = f"in the roster this person {address}: a submission with them in it gets no results"
        return RowLine(RowOutcome.SKIPPED, member.id, mark=cell_text(own), why=why)
    if own != score:
        why = f"this person's own mark is another than the group's {cell_text(score)}, which Gradescope would give them"
        return RowLine(RowOutcome.BY_HAND, member.id, mark=cell_text(own), why=why)
    return None


def _notes(lines: Sequence[RowLine], marks: Marks, maximum: Decimal) -> Iterator[str]:
    """What a person has to know of the file as a whole."""
    points = marks.assignment.points
    yield (
        f"On Gradescope, set the assignment's autograder points to {number(maximum, 2)}: Gradescope does not scale "
        "scores."
    )
    if maximum != points:
        yield f"The assignment is worth {points} points: scores are scaled, to two decimals."
    apart = [line.who for line in lines if line.outcome is RowOutcome.BY_HAND]
    if apart:
        have = "person has" if len(apart) == 1 else "people have"
        yield (
            "Gradescope gives everybody in a submission the group's mark, before lateness, peer factors and other "
            f"decisions about one person. {len(apart)} {have} another mark, to type by hand: {', '.join(apart)}."
        )
    if any(line.outcome is RowOutcome.WRITTEN for line in lines):
        yield (
            "Students see results when you publish grades. If the assignment has a leaderboard, its scores show as "
            "soon as the autograder has run."
        )
    yield "The ZIP has feedback and e-mail addresses of everybody in it: it is for staff alone."
