"""The tables of a board's pack: for the sheets of its workbook, its CSV files and its page."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from graders.marks.mark import Mark, rounded
from graders.marks.module_mark import ModuleMark
from reports.board.candidates import Candidate
from reports.board.missing import status_text, why_no_module_mark
from reports.board.pack import Pack, PackedAssignment, class_of, trace_lines

if TYPE_CHECKING:  # it takes 0.3 s
    import pandas

Row = dict[str, Any]
PROVENANCE = (
    "image_digest", "assignment_digest", "data_digest", "secret_fingerprint", "medmark", "made_by", "tree",
)  # fmt: skip


def marks_table(pack: Pack) -> pandas.DataFrame:
    """One row a candidate: every assignment's mark, and the module mark if every part has one."""
    columns = [*_who_columns(pack)]
    for packed in pack.assignments:
        columns += [f"{packed.assignment.id}_{name}" for name in ("percent", "class", "status")]
    columns += [f"module_{name}" for name in ("percent", "pass_mark", "class", "passed", "no_mark_because")]
    return _table(columns, [_marks_row(pack, candidate) for candidate in pack.candidates.rows], "notes")


def _marks_row(pack: Pack, candidate: Candidate) -> Row:
    row = _who(pack, candidate)
    notes = []
    for packed in pack.assignments:
        mark, id = packed.people[candidate.member.id], packed.assignment.id
        band = class_of(mark.percent, mark.level, mark.pass_mark)
        row |= {
            f"{id}_percent": mark.percent,
            f"{id}_class": band.name if band else None,
            f"{id}_status": status_text(mark, packed) or None,
        }
        notes += [f"{id} is disputed: {dispute}" for dispute in mark.disputes]
    whole = pack.module_mark(candidate)
    band = class_of(whole.percent, whole.level, whole.pass_mark)
    row |= {
        "module_percent": whole.percent,
        "module_pass_mark": whole.pass_mark,
        "module_class": band.name if band else None,
        "module_passed": passed_text(whole) or None,
        "module_no_mark_because": why_no_module_mark(whole, pack) or None,
        "notes": "; ".join([*notes, *no_class_because(whole)]) or None,
    }
    return row


def passed_text(whole: ModuleMark) -> str:
    """Whether the rounded module mark reaches the pass mark; empty where one of them is missing."""
    if whole.percent is None or whole.pass_mark is None:
        return ""
    return "yes" if whole.percent >= whole.pass_mark else "no"


def no_class_because(whole: ModuleMark) -> Iterator[str]:
    """Why a module mark has no class: the rule would be a guess."""
    if whole.percent is not None and whole.pass_mark is None:
        passes = " and ".join(f"{each} %" for each in sorted({part.mark.pass_mark for part in whole.parts}))
        yield f"no class: the parts have different pass marks ({passes}); pass_mark in the roster would settle it"


def trace_table(pack: Pack) -> pandas.DataFrame:
    """Every step on the way to each mark: marks before and after in per cent, to two decimals."""
    columns = [*_who_columns(pack), "assignment", "step", "before_percent", "after_percent", "what", "why"]
    rows = [
        {
            **_who(pack, line.candidate),
            "assignment": line.assignment.id,
            "step": line.step,
            "before_percent": hundredths(line.before),
            "after_percent": hundredths(line.after),
            "what": line.what,
            "why": line.why or None,
            "event": line.event,
        }
        for line in trace_lines(pack)
    ]
    return _table(columns, rows, "event")


def hundredths(exact: Fraction | None) -> Decimal | None:
    """An exact mark in per cent to two decimals, half up."""
    return None if exact is None else rounded(exact * 10) / 10


def provenance_table(pack: Pack) -> pandas.DataFrame:
    """One row a candidate and assignment: the commit, and all that it was marked with."""
    columns = [*_who_columns(pack), "assignment", "work_of", *(["repository"] if pack.candidates.named else [])]
    columns += [
        "commit",
        "commit_state",
        "due",
        "first_seen",
        "accepted_late_since",
        "framework",
        "sandbox",
        "isolated",
    ]
    columns += [*PROVENANCE, "scored_with"]
    rows = [
        _provenance_row(pack, candidate, packed) for candidate in pack.candidates.rows for packed in pack.assignments
    ]
    return _table(columns, rows, "void")


def _provenance_row(pack: Pack, candidate: Candidate, packed: PackedAssignment) -> Row:
    group = packed.people[candidate.member.id].group
    mark, submission = packed.marks[group], packed.submissions[group]
    isolated = mark.provenance.get("isolated")
    return {
        **_who(pack, candidate),
        "assignment": packed.assignment.id,
        "work_of": pack.candidates.group(group),
        "repository": submission.repository,
        "commit": mark.commit,
        "commit_state": submission.state,
        "due": submission.due.isoformat() if submission.due else None,
        "first_seen": submission.seen_at,
        "accepted_late_since": submission.late_since.isoformat() if submission.late_since else None,
        "framework": mark.provenance.get("framework"),
        "sandbox": mark.provenance.get("sandbox"),
        "isolated": None if isolated is None else "yes" if isolated else "no",
        **{key: mark.provenance.get(key) for key in PROVENANCE},
        "scored_with": versions_text(mark),
        "void": ", ".join(mark.provenance.get("void", ())) or None,
    }


def versions_text(mark: Mark) -> str | None:
    """The packages that computed the scores, with their versions; None without scores."""
    packages = mark.provenance.get("scored_with") or {}
    return ", ".join(f"{name} {version}" for name, version in packages.items()) or None


def _who_columns(pack: Pack) -> list[str]:
    return ["candidate", "member", "name", "group"] if pack.candidates.named else ["candidate"]


def _who(pack: Pack, candidate: Candidate) -> Row:
    if not pack.candidates.named:
        return {"candidate": candidate.key}
    member = candidate.member
    return {"candidate": member.candidate, "member": member.id, "name": member.name, "group": candidate.group}


def _table(columns: list[str], rows: list[Row], *more: str) -> pandas.DataFrame:
    import pandas

    names = [*columns, *more]
    return pandas.DataFrame([[row.get(name) for name in names] for row in rows], columns=names, dtype=object)
