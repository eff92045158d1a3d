"""A page of every kind that medmark writes, in every state, made by hand: for what must hold of all of them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from graders.marks.diagnosis import KnownMistake
from graders.marks.mark import NOT_GRADED, Finding, Mark, Status, Verdict
from graders.record.documents import Cause
from graders.record.rehearsal import pattern_of
from reports.audit_page import audit_of, audit_page
from reports.board.page import board_page
from reports.data_page import data_page
from reports.feedback import feedback_page
from reports.leaderboard import Baseline, leaderboard_page
from reports.next_step import next_step
from tests.graders.course.two_assignments import write_course
from tests.reports.board.module_made import event, module
from tests.reports.board.module_made import not_submitted as not_handed_in
from tests.reports.cohort_made import made, many, page_of, twenty
from tests.reports.data_made import named_summary
from tests.reports.hand_made import CHECKS, accuracy, assignment, check, hand_in, mark, not_submitted, person
from tests.reports.test_cases_page import IMAGE, SQUARE
from tests.reports.test_cases_page import page as cases_page
from tests.reports.test_person_file import file_of
from tests.reports.test_personal import page_html, personal
from tests.reports.test_standings import ranked_board

ZERO = Decimal(0)
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft and friends of group 12"


def every_page(folder):
    """The HTML of each page by its name; `folder` takes the files of made-up cases."""
    return {
        **feedback_pages(),
        **personal_pages(),
        **files_of_people(),
        **boards(),
        **cohorts(),
        **pages_of_cases(folder),
        **pages_for_examiners(folder / "module"),
    }


def feedback_pages():
    """The pages of a group: each status, for students and for staff."""
    marks = {
        "marked": mark(notices=(notice(),)),
        "incomplete": mark(person=person()),
        "withheld": mark(accuracy=accuracy(None, None, None)),
        "ungraded": mark(checks=[check("test_a", "A check.", None, 35, reason=NOT_GRADED)],
                         accuracy=accuracy(None, None, None, reason=NOT_GRADED), person=person()),
        "not-submitted": not_submitted(),
        "deferred": replace(not_submitted(), status=Status.DEFERRED, commit="4f0c2b7d9e11"),
        "capped": mark(accuracy=accuracy(0.95, None, "24.5")),
        "import-failed": import_failed(),
    }  # fmt: skip
    shown = hand_in(problems=("`weights/a.pt` is a pointer.",), flags=("imports ctypes",), version=2,
                    why="The last commit seen by the deadline", correction="Corrected: a check was void",
                    due="20 November 2026, 17:00 GMT")  # fmt: skip
    pages = {f"feedback-{name}": feedback_page(of, assignment(), shown) for name, of in marks.items()}
    pages["feedback-next-step"] = feedback_page(
        mark(), assignment(), hand_in(), step=next_step(mark(), assignment(), (mistake(),))
    )
    pages["feedback-public"] = feedback_page(mark(notices=(public_test(),)), assignment(), hand_in())
    for name in ("marked", "withheld", "import-failed"):
        pages[f"staff-{name}"] = feedback_page(marks[name], assignment(), shown, audience="staff")
    return pages


def personal_pages():
    """The pages of a person: with steps, corrected and disputed, and without a mark."""
    unmarked = personal(status=Status.WITHHELD, percent=None, points=None, trace=())
    return {
        "personal": page_html(),
        "personal-corrected": page_html(personal(disputes=("the third test",)), version=2, correction="A check."),
        "personal-withheld": page_html(unmarked),
    }


def files_of_people():
    """The file of a person: their own page with the group's below it, and without where it is not for them."""
    return {f"person-{name}": file_of(of) for name, of in {
        "marked": mark(), "incomplete": mark(person=person()), "deferred": replace(mark(), status=Status.DEFERRED),
    }.items()}  # fmt: skip


def boards():
    """Leaderboards: with tiers, with groups that have no rank and long names, and without a group."""
    return {
        "leaderboard": ranked_board(),
        "leaderboard-apart": crowded_board(),
        "leaderboard-empty": leaderboard_page([], assignment(), names={}),
    }


def cohorts():
    """The pages of cohorts: with every kind of need, with more groups than rows, and without a group."""
    return {"cohort": page_of(twenty()), "cohort-large": page_of(many(40)), "cohort-empty": page_of(made([]))}


def crowded_board():
    """Seven groups in the order, one with a long name, 15 without a usable answer, and references with long names."""
    scores = {f"g{i:02}": 0.55 + 0.045 * i for i in range(7)}
    ranked = [mark(g, accuracy=accuracy(s, (s - 0.03, s + 0.03), "20")) for g, s in scores.items()]
    reasons = ("import_failed", "cpu_limit", "raised", "wrong_shape", "missing_function")
    apart = [
        mark(f"x{i:02}", accuracy=accuracy(None, None, "0", reason=reasons[i % 5]), person=person()) for i in range(13)
    ]
    apart += [not_submitted("x13"), mark("x14", accuracy=accuracy(None, None, None))]
    names = {of.group: f"Heron {number}" for number, of in enumerate([*ranked, *apart])}
    names["g03"] = names["x02"] = LONG
    references = [Baseline(f"Course reference, {name}", 0.81 - 0.01 * i, source="median of 10 runs, other cases")
                  for i, name in enumerate(("PyTorch", "TensorFlow", "NumPy"))]  # fmt: skip
    references.append(
        Baseline("Baseline: the mean of all training cases, thresholded at a half", 0.52, None, "other cases")
    )
    return leaderboard_page([*ranked, *apart], assignment(), names=names, baselines=references, course="MPHY0041")


def pages_of_cases(folder):
    """The pages of hidden cases, and of the cases that an instructor looks at."""
    answer = np.roll(SQUARE, 3, axis=1).astype(np.float32)
    arrays = {"image": "h w"}
    shown = cases_page("segmentation", {"image": IMAGE}, {"label": SQUARE}, answer, arrays=arrays, values={"dice": 0.6})
    absent = cases_page("segmentation", {"image": IMAGE}, {"label": SQUARE}, None, arrays=arrays, problem="late")
    return {"cases": shown, "cases-without-answer": absent, "data": data_page(named_summary(folder, "Ada", "Bo", "Cy"))}


def pages_for_examiners(folder):
    """The page of a board's pack and the audit log: with all that can stand there, with names, and with nothing."""
    course = write_course(folder)
    team, solo = "team-lovelace", "zcabc03"
    grace = f"{team}/zcabc02"
    long = "x" * 120
    events = [
        event("alpha", "moderation", "map 0:0 40:45 100:100", number=1, reason=f"a hard paper, {long}"),
        event(f"alpha/{grace}", "extension", "5wd", number=2, reference="DAP 2027-113"),
        event(f"alpha/{grace}", "peer_factor", "0.93", number=3, reference="a note"),
        event(f"alpha/{grace}", "dispute", "the third test", number=4),
        event(f"beta/{grace}", "deferred", number=5),
        event(f"beta/{grace}", "retract", "5", number=6),
        event(f"beta/{solo}/{solo}", "late_commit", "4f0c2b7d9e" * 4, number=7),
        event(f"beta/{team}", "blessing", long, number=8),
    ]
    late = {"submissions": {team: {"late_since": datetime(2027, 1, 19, 12, tzinfo=UTC)}}}
    marks = {team: "61.25", solo: None}, {team: "44.5", solo: not_handed_in("beta", solo)}
    pack, with_names = (module(course, *marks, events, names=names, alpha=late) for names in (False, True))
    records = [each.results for each in pack.record.assignments]
    people = pack.candidates
    return {
        "board": board_page(pack),
        "board-names": board_page(with_names),
        "board-empty": board_page(module(course, *marks, collected=(False, False))),
        "audit": audit_page([audit_of(assignment(), events)], course="MPHY0041"),
        "audit-board": audit_page([audit_of(r.assignment, r.events, people.about, people.hidden) for r in records]),
        "audit-empty": audit_page([audit_of(assignment(), ())]),
    }


def notice():
    return Finding("notice/lfs", "notice", "", Verdict.FAILED, ZERO, ZERO, "A pointer.", hint="Add the file.")


def public_test():
    return Finding("public/test_x", "public_test", "tests", Verdict.FAILED, ZERO, ZERO, "Shapes agree.",
                   Cause("wrong_answer"), evidence="assert 1 == 2", hint="Look at axis 0.")  # fmt: skip


def import_failed() -> Mark:
    checks = [replace(each, verdict=Verdict.FAILED, points=ZERO, cause=Cause("import_failed", "ModuleNotFoundError"))
              for each in CHECKS]  # fmt: skip
    return mark(checks=checks, accuracy=accuracy(None, None, "0", reason="import_failed"), person=person())


def mistake():
    failed = [each for each in CHECKS if each.verdict is Verdict.FAILED]
    tests = [each.id.partition("/")[2] for each in failed]
    patterns = ({test: pattern_of(each.cause, each.line) for test, each in zip(tests, failed, strict=True)},)
    return KnownMistake("smooth", "The smoothing term is missing", "Add `eps` to both.", frozenset(tests), frozenset(),
                        patterns)  # fmt: skip
