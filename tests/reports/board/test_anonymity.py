"""A pack without names names nobody, wherever a name could hide: every field that people fill holds one here."""

import io
import zipfile
from dataclasses import replace

import pytest

from graders.marks.mark import Finding, Verdict
from graders.marks.results import results_of
from graders.record import exports
from graders.record.documents import Cause
from graders.record.exports import EXPORTED, RecordedExport
from graders.record.ledger import Observation
from graders.record.snapshots import APPLIED, CORRECTION, RETURNED
from graders.runs.board_record import AssignmentRecord, ModuleRecord, board_event, module_marks
from reports.board.candidates import candidates_of
from reports.board.files import pack_files
from reports.board.pack import Pack
from tests.graders.course.two_assignments import write_course
from tests.graders.marks.hand_made import check_result, score_result
from tests.graders.marks.test_differences import applied
from tests.graders.marks.test_mark import X, Y, mark
from tests.graders.marks.test_mark import assignment as whole_assignment
from tests.reports.board.module_made import COMMIT, PROVENANCE, event, group_mark, results, submission
from tests.reports.test_pdf import everything_in, text_of

TEAM, SOLO = "team-lovelace", "zcabc03"
WORDS = ("lovelace", "hopper", "grace", "ליאור", "כהן", "zcabc", "@ucl", "github.com", "team-")
"""Of the roster: no file of the pack may hold one of them, in any case."""
TEXT = f"Ada Lovelace (zcabc01, ada.lovelace@ucl.ac.uk), Grace HOPPER, ליאור כהן, {TEAM}"
PRIVATE = "canary-private"
EXPORT = RecordedExport("canvas", TEXT, f"{TEXT}.csv", "5f0c", {"zcabc01": "60", "zcabc03": "61"})
EVERYONE = event("beta", "moderation", "add 2", number=8, reason=f"{TEXT} had a hard paper", reference=TEXT)


def rich_results(course, shown):
    """Results in which every field that people fill holds names."""
    of = whole_assignment().model_copy(update={"id": "beta", "title": "Coursework beta"})
    failed = check_result("failed", "raised", kind="ValueError", line=f"{TEAM}/ada_lovelace.py:3")
    failed = replace(failed, cause_detail=TEXT, evidence=TEXT, printed=TEXT)
    one = mark({X: failed, Y: check_result()}, {"accuracy": score_result(0.7, evidence=TEXT)}, of=of, commit=COMMIT)
    refused = Finding("tests/x", "hidden_test", "tests", Verdict.FAILED, one.findings[0].points, one.findings[0].out_of,
                      cause=Cause("not_accepted"), note=f"`weights/zcabc03.pt` of {TEXT} is a pointer")  # fmt: skip
    two = replace(one, group=SOLO, findings=(refused, *one.findings[1:]))
    marks = [replace(each, group=group, assignment="beta", provenance={**PROVENANCE, "flags": [TEXT]})
             for group, each in ((TEAM, one), (SOLO, two))]  # fmt: skip
    handed_in = [
        submission(
            course, each.group, each, flags=(TEXT,), problems=(f"`{TEAM}/hopper_grace.ipynb` is not read",),
            reason="no commit so far: fatal: 'https://github.com/lovelace/unet.git/' not found, ada.lovelace",
        )
        for each in marks
    ]  # fmt: skip
    events = [
        event(
            f"beta/{TEAM}/zcabc01",
            "extension",
            "5wd",
            number=1,
            reason=f"{TEXT} {PRIVATE}",
            reference=f"for {TEXT} {PRIVATE}",
        ),
        event(
            f"beta/{TEAM}", "agreed_mark", "report=21", number=2, reason=f"{TEXT} {PRIVATE}", reference="DAP 2027-113"
        ),
        event(f"beta/{TEAM}/zcabc02", "dispute", f"{TEXT} {PRIVATE}", number=3, reason=f"{TEXT} {PRIVATE}"),
        event(f"beta/{SOLO}/zcabc03", "peer_factor", "0.9", number=4, reason=f"{TEXT} {PRIVATE}"),
        event(f"beta/{SOLO}/zcabc03", "blessing", TEXT, number=5, reason=f"{TEXT} {PRIVATE}"),
        event(f"beta/{SOLO}/zcabc03", "retract", "5", number=6, reason=f"{TEXT} {PRIVATE}"),
        event("beta/ada-left/zcabc99", "override", "5", number=7, reason=f"{TEXT} {PRIVATE}"),
        event("beta", EXPORTED, exports.value_of(EXPORT), number=13),
        EVERYONE,
    ]
    of_before = results_of(course, of, [board_event(each, shown) for each in events], handed_in, marks)
    snapshots = [
        applied(of_before, APPLIED, number=9, reason=f"{TEXT} {PRIVATE}"),
        applied(of_before, RETURNED, number=10, reason=f"{TEXT} {PRIVATE}"),
    ]
    events += [*snapshots, event(f"beta/{SOLO}/zcabc03", "override", "61", number=11, reason=f"{TEXT} {PRIVATE}")]
    moved = results_of(course, of, [board_event(each, shown) for each in events], handed_in, marks)
    events.append(replace(applied(moved, None, number=12, reason=f"{TEXT} {PRIVATE}"), kind=CORRECTION))
    return results_of(course, of, [board_event(each, shown) for each in events], handed_in, marks)


def looks(course):
    return {
        group: [Observation(group, "beta", course.group(group).repository, "ada-branch", COMMIT,
                            "2027-01-15T11:50:00+00:00", "tip", TEXT)]
        for group in (TEAM, SOLO)
    }  # fmt: skip


def made(folder, *, names=False):
    course = write_course(folder)
    people = candidates_of(course.groups, names=names)
    alpha = results(course, "alpha", {TEAM: group_mark("alpha", TEAM, 60), SOLO: None}, shown=people.hidden)
    of_both = [alpha, rich_results(course, people.hidden)]
    records = tuple(AssignmentRecord(each, looks(course)) for each in of_both)
    return pack_files(Pack(ModuleRecord(course, records, module_marks(course, of_both)), people)).files


def text_in(path, data):
    """All text of a file, whatever its kind, with its path."""
    if path.endswith(".xlsx"):
        archive = zipfile.ZipFile(io.BytesIO(data))
        data = b"\n".join(name.encode() + b"\n" + archive.read(name) for name in archive.namelist())
    if path.endswith(".pdf"):
        data = everything_in(data) + text_of(data).encode()
    return f"{path}\n{data.decode('utf-8', 'replace')}".casefold()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return made(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def texts(files, tmp_path_factory):
    """All text of each file of a pack, without names and with them."""
    with_names = made(tmp_path_factory.mktemp("named"), names=True)
    packs = {"without": files, "with": with_names}
    return {names: {path: text_in(path, data) for path, data in pack.items()} for names, pack in packs.items()}


def test_no_file_names_anybody_and_neither_does_its_own_name(texts):
    hits = [(path, word) for path, text in texts["without"].items() for word in WORDS if word.casefold() in text]
    assert hits == []


def test_the_control_finds_every_word_in_a_pack_with_names(texts):
    everything = "\n".join(texts["with"].values())
    assert [word for word in WORDS if word.casefold() not in everything] == []


def test_a_reason_that_everyone_reads_stays_without_the_names_in_it(files):
    page = files["audit.html"].decode()
    assert "had a hard paper" in page
    assert "[name]" in page


@pytest.mark.parametrize("names", ["without", "with"])
def test_private_reasons_notes_and_the_text_of_a_dispute_are_in_no_pack(texts, names):
    assert [path for path, text in texts[names].items() if PRIVATE in text] == []


def test_what_a_board_needs_is_still_there(files):
    explained = files["explain/1002.txt"].decode()
    assert "Candidate 1002: Coursework beta" in explained
    assert COMMIT in explained
    assert "problem: `[name]/[name]_[name].ipynb` is not read" in " ".join(explained.split())
    assert "event 2, agreed_mark by prof on 2027-01-20" in " ".join(explained.split())
    audit = files["audit.html"].decode()
    for words in ("DAP 2027-113", "group of 1002, 1010", "retracted by 6", "a person without a row", "marks exported"):
        assert words in audit
