"""A roster, marks and worksheets for the tests of Moodle's formats."""

import csv
import io
from decimal import Decimal

from graders.course.roster import Group, Member
from graders.marks.mark import Status
from reports.exports.export import ExportRules, Marks
from tests.reports.hand_made import assignment
from tests.reports.test_personal import personal

RULES = ExportRules()

SAMPLE = """\
Identifier,"Full name","ID number","Email address",Status,Group,Grade,"Maximum grade","Grade can be changed",\
"Last modified (submission)","Online text","Last modified (grade)","Feedback comments"
"Participant 90211","Ada Byron",25001234,ada@example.org,"Submitted for grading - ",group-01,,100.00,Yes,\
"Friday, 15 January 2027, 11:42 AM","<p>https://git.example.org/dl/group-01.git \
1a2b3c4d5e6f708192a3b4c5d6e7f80910111213</p>",-,
"Participant 90212","Murray, Grace",25001235,grace@example.org,"Submitted for grading - Graded",group-01,61.50,100.00,\
Yes,"Friday, 15 January 2027, 11:42 AM",,"Monday, 18 January 2027, 9:05 AM","<p>First marker only</p>"
"Participant 90213","José Núñez",25001236,jose@example.org,"No submission",group-02,,100.00,No,-,,-,
"""
BLIND = """\
Identifier,Status,Grade,"Maximum grade","Marking workflow state","Grade can be changed","Last modified (submission)",\
"Last modified (grade)","Feedback comments"
"Participant 7","Submitted for grading - Not marked",,100.00,"Not marked",Yes,"Friday, 15 January 2027, 11:42 AM",-,
"Participant 12","Submitted for grading - Not marked",,100.00,"Not marked",Yes,"Friday, 15 January 2027, 11:58 AM",-,
"""
TWO_MARKERS = """\
"Identifier","Full name","Email address","Status","Marker 1","Marker 2","Grade","Maximum grade",\
"Marking workflow state","Grade can be changed","Last modified (submission)","Online text","Last modified (grade)",\
"Feedback comments","Marker 1 comment","Marker 2 comment"
"Participant 501","Ada Byron","ada@example.org","Submitted for grading - Not marked -  - ",58,64,,100.00,"In marking",\
"Yes","Friday, 15 January 2027, 11:42 AM",,"-",,"solid baseline","good ablation"
"""

PEOPLE = (
    ("25001234", "Ada Byron", "ada@example.org", "group-01"),
    ("25001235", "Grace Murray", "grace@example.org", "group-01"),
    ("25001236", "José Núñez", "jose@example.org", "group-02"),
)


def roster_of(people=PEOPLE):
    """Groups of (id, name, e-mail, group)."""
    groups = {}
    for id, name, email, group in people:
        member = Member.model_construct(id=id, name=name, email=email)
        groups.setdefault(group, []).append(member)
    return [
        Group.model_construct(name=name, members=tuple(members), repository="https://example.org/x.git")
        for name, members in groups.items()
    ]


def own_mark(member, mark, *, group="group-01", out_of=100, **more):
    """A person's mark: a number of per cent, or the status of somebody who has none."""
    if isinstance(mark, Status):
        values = {"status": mark, "percent": None, "points": None}
    else:
        percent = Decimal(str(mark))
        values = {"percent": percent, "points": percent * out_of / 100}
    return personal(member=member, group=group, out_of=Decimal(out_of), **{"trace": ()} | values | more)


def marks_of(marks, **more):
    """Marks of an assignment with 100 points, by member."""
    people = {id: mark if hasattr(mark, "member") else own_mark(id, mark) for id, mark in marks.items()}
    return Marks(more.pop("assignment", assignment()), people=people, **more)


def cells_of(text, delimiter=","):
    """The cells of a file by another reader: rows as dicts."""
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def csv_of(rows, *, delimiter=",", quoting=csv.QUOTE_MINIMAL, ends="\n", encoding="utf-8", mark=b""):
    """Rows as a file that a platform could give out."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=ends).writerows(rows)
    return mark + out.getvalue().encode(encoding)
