"""What a board's pack says about itself: how its numbers follow, whom it names, how to check that nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from graders.version import medmark_version
from reports.board.pack import Pack, PackedAssignment
from reports.explain import plain
from reports.terminal import quantity

NAMESPACE: Final = "medmark"
"""Of the signature: one for another purpose does not pass for it."""
SUMS: Final = "SHA256SUMS"
CHECK_SUMS: Final = f"sha256sum -c {SUMS}"
VERIFY: Final = f"ssh-keygen -Y verify -f allowed_signers -I SIGNER -n {NAMESPACE} -s {SUMS}.sig < {SUMS}"
ALLOWED: Final = f'echo "SIGNER namespaces=\\"{NAMESPACE}\\" $(cat KEY.pub)" > allowed_signers'
"""Trusts one public key, which has to come from the signer by another way than the pack."""

FILES: Final = (
    ("board.html, board.pdf", "the page for the meeting: marks, statistics, adjustments, where the marks come from"),
    ("board.xlsx", "the tables as one workbook"),
    ("marks.csv", "one row a candidate: each assignment's mark, and the module mark"),
    (
        "statistics.csv",
        "number, mean, spread, quartiles, classes and a histogram of each assignment, part and the module",
    ),
    ("second-marking.csv", "how well two markers agree, where two marked"),
    ("trace.csv", "each step on the way to each mark"),
    ("provenance.csv", "commit, digests, image and versions behind each mark"),
    ("explain/", "how each candidate's marks follow, with the arithmetic, as text"),
    ("audit.html", "every event of the record: who, when, what, about whom"),
    (f"MANIFEST.json, {SUMS}", "the SHA-256 of each file"),
)


def read_me(pack: Pack) -> list[tuple[str, str]]:
    """(topic, a sentence or two) in order."""
    return [
        *_what(pack),
        *_rules(pack),
        *(("assignment", " ".join(_assignment(pack, packed))) for packed in pack.assignments),
        *(("files", f"{name}: {what}") for name, what in FILES),
        ("check", f"that no file changed: {CHECK_SUMS}"),
        ("check", f"whose it is, where there is a signature: {VERIFY}"),
        ("check", f"once before that, with the signer's public key, which they give you by another way: {ALLOWED}"),
    ]


def _what(pack: Pack) -> Iterator[tuple[str, str]]:
    course, people = pack.course, pack.candidates
    yield "module", f"{course.title}, {course.year}"
    event = pack.last_event
    as_of = f"as of event {event.number}, {pack.at:%Y-%m-%d %H:%M:%S} UTC" if event else "without any event yet"
    yield "record", as_of
    yield "course.toml", f"SHA-256 {pack.record.course_digest}"
    yield "made by", f"medmark {medmark_version()}"
    yield "state", "provisional, until the board of examiners has confirmed the marks"
    yield "names", NAMED if people.named else UNNAMED
    if people.left_out:
        were = "1 person of the roster has" if people.left_out == 1 else f"{people.left_out} people of the roster have"
        yield "left out", f"{were} no row: {LEFT_OUT}"


def _rules(pack: Pack) -> Iterator[tuple[str, str]]:
    course = pack.course
    step = "a tenth" if course.round == "0.1" else "a whole"
    yield "module mark", f"{MEAN} {step} of a per cent. {EXACT}"
    yield "module mark", NO_MODULE_MARK
    yield "pass mark", PASS_MARK
    yield "reasons", REASONS
    may = "lowers no returned mark" if course.on_correction == "never_lower" else "may lower a returned mark"
    yield "corrections", f"on_correction = {course.on_correction}: a correction {may}"
    tolerance = plain(course.second_marking.tolerance)
    yield "second marking", f"beyond {tolerance} % of a part's points between two marks, an agreed mark is needed"


def _assignment(pack: Pack, packed: PackedAssignment) -> Iterator[str]:
    course, assignment = pack.course, packed.assignment
    id = assignment.id
    weight = f"weight {plain(course.assignment(id).weight)} ({plain(100 * packed.share)} %)"
    late = course.late(id)
    policy = f"{course.late_policy_of(id)} ({late.title})" if late else "none"
    yield f"{id}: {assignment.title}, level {assignment.level}, {weight}, due {course.deadline_words(id)},"
    yield f"late policy {policy}."
    if not packed.record.collected:
        yield "No collection has looked for commits yet."
    elif early := sum(submission.state == "provisional" for submission in packed.submissions.values()):
        yield f"Not due yet for {quantity(early, 'group')}: a later commit will count instead."


NAMED: Final = "this pack has names and ids of members"
UNNAMED: Final = (
    "candidates stand under their numbers alone. No name, address or id of a candidate is in these files; decisions "
    "name the staff who made them."
)
LEFT_OUT: Final = (
    "their candidate number is missing, is another person's too, or tells who they are. They are in no statistics of "
    "marks either."
)
MEAN: Final = "the weighted mean of the exact marks, rounded once at the end, half up, to"
EXACT: Final = "The rounded marks of assignments may give another last digit; explain/ has the exact ones."
NO_MODULE_MARK: Final = (
    "only where every assignment has a mark. Withheld, incomplete, not submitted, deferred, absent, excused and held "
    "are never numbers, and no weight moves to another assignment: the board decides."
)
PASS_MARK: Final = (
    "a person's own in the roster, else that of the assignment's level. Whether each part must be passed, and any "
    "compensation, is for the board: course.toml has no such rule."
)
REASONS: Final = (
    "a reason for a decision about one person or group is between them and the staff, and is not here. A reference is "
    "in the audit log if it is a case number."
)
