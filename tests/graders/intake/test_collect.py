"""Collections of real repositories around a deadline: what is recorded, what counts, what students read."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest

from assignments.errors import UserError
from graders.course.course import assignment_of, load_course
from graders.intake.collect import collect, submissions
from graders.intake.owners import Record
from graders.record.in_force import Decisions
from graders.record.ledger import Ledger
from tests.graders.events import event
from tests.graders.intake.repositories import at, make, push

ASSIGNMENT = """\
id = "mlp"
title = "MLP"
task = "classification"
[data]
source = "breast_cancer"
train = 1
test = 1
[run]
mode = "weights"
[[criterion]]
id = "report"
kind = "person"
points = 10
"""
COURSE = """\
title = "Deep learning"
year = "2026-27"
[access]
allow_file = true
[assignments.mlp]
source = "coursework"
deadline = 2027-01-15T12:00:00
grace_minutes = 10
"""
SOLUTION = 'FRAMEWORK = "pytorch"\n'
FIRST, SECOND, THIRD = ({"solution.py": SOLUTION + f"x = {number}\n"} for number in (1, 2, 3))


class Hall:
    """A course with one repository for each group, and collections at the minute that a test says."""

    def __init__(self, folder, groups=("g1",), settings=""):
        self.folder = folder
        (folder / "coursework/starter").mkdir(parents=True)
        (folder / "coursework/assignment.toml").write_text(ASSIGNMENT)
        (folder / "coursework/brief.md").write_text("Train.")
        (folder / "coursework/starter/solution.py").write_text(SOLUTION)
        (folder / "course.toml").write_text(settings + COURSE)
        rows = [f"{name},{name}-1,Ada,{name}@ucl.ac.uk,file://{folder}/{name}.git" for name in groups]
        (folder / "roster.csv").write_text("\n".join(["group,member,name,email,repository", *rows]))
        for name in groups:
            make(folder / f"{name}.git")
        self.course = load_course(folder)
        self.ledger = Ledger.open(self.course.ledger)

    def push(self, files, group="g1", **how):
        return push(self.folder / f"{group}.git", files, **how)

    def collect(self, time, **how):
        """The receipts of a collection that began at this minute."""
        return collect(self.course, "mlp", self.ledger, now=lambda: at(time), **how)

    def down(self, *times, group="g1"):
        """Collections while the host of a group is away."""
        self._away(group, lambda: [self.collect(time) for time in times])

    def _away(self, group, act):
        here, away = self.folder / f"{group}.git", self.folder / f"{group}.away"
        here.rename(away)
        try:
            act()
        finally:
            away.rename(here)

    def submission(self, time="18:00", group="g1"):
        (submission,) = self.submissions(time, [group])
        return submission

    def submissions(self, time="18:00", only=()):
        record = Record.of(self.course.groups, self.ledger.observations("mlp"))
        events = record.followed(self.ledger.events("mlp"))
        decisions = Decisions.of("mlp", events)
        return submissions(self.course, assignment_of(self.course, "mlp"), record, decisions, at(time), only=only)

    def event(self, kind, value, about="mlp/g1"):
        self.ledger.add_event(event(about, kind, value, at="2027-01-14T09:00:00.000+00:00"))


@pytest.fixture
def hall(tmp_path):
    hall = Hall(tmp_path)
    yield hall
    hall.ledger.close()


def text_of(submission):
    return (submission.folder / "solution.py").read_text()


def test_the_last_tip_seen_in_time_is_taken_whatever_its_date_says(hall):
    first = hall.push(FIRST, date="4102444800 +0000")  # the year 2100
    hall.collect("11:55")
    late = hall.push(SECOND, date="946684800 +0000")  # the year 2000
    (receipt,) = hall.collect("12:15")
    assert receipt.commit == late
    # Nobody looked between 12:00 and 12:10, so what came next may have been in time.
    assert receipt.counting.state == "waits for a person"
    hall.event("late_commit", first)
    submission = hall.submission()
    assert (submission.state, submission.commit, submission.later_tips) == ("counts", first, (late,))
    assert text_of(submission) == FIRST["solution.py"]


def test_our_server_down_across_the_deadline_costs_nobody_anything(hall):
    hall.push(FIRST)
    hall.collect("09:00")
    (receipt,) = hall.collect("17:00")  # nothing between: the same tip settles it
    assert receipt.counting.state == "counts"
    assert hall.submission().state == "counts"


def test_no_look_at_the_due_time_and_another_tip_afterwards_waits_for_a_person(hall):
    first = hall.push(FIRST)
    hall.collect("09:00")
    second = hall.push(SECOND)
    (receipt,) = hall.collect("17:00")
    submission = hall.submission()
    assert (submission.state, submission.commit, submission.folder) == ("waits for a person", None, None)
    assert len(submission.later_tips) == 2
    lines = receipt.text.splitlines()
    assert lines[5].startswith("  counts      none yet: waits for a person (no collection looked between")
    assert lines[6:] == [
        f"  may count   {first} seen 2027-01-15 09:00:00 GMT",
        f"  may count   {second} seen 2027-01-15 17:00:00 GMT",
    ]


def test_a_host_unreachable_across_the_deadline_then_back_waits_for_a_person(hall):
    first = hall.push(FIRST)
    hall.collect("11:30")
    hall.down("11:40", "12:00", "12:20")
    assert hall.submission("12:21").state == "not settled"
    (receipt,) = hall.collect("12:40")
    assert (receipt.commit, receipt.counting.state) == (first, "waits for a person")
    hall.event("extension", "60")
    hall.push(SECOND)
    hall.collect("13:05")
    submission = hall.submission()
    assert (submission.state, text_of(submission)) == ("counts", SECOND["solution.py"])


def test_a_host_unreachable_for_a_moment_changes_nothing(hall):
    hall.push(FIRST)
    hall.collect("11:55")
    hall.down("12:00")
    hall.collect("12:05")
    assert hall.submission().state == "counts"


def test_a_force_push_after_the_deadline_takes_nothing_away(hall):
    first = hall.push(FIRST)
    hall.collect("12:05")
    second = hall.push(SECOND, force=True)
    (receipt,) = hall.collect("12:30")
    assert (receipt.commit, receipt.counting.commit) == (second, first)
    assert f"{second} seen 2027-01-15 12:30:00 GMT" in receipt.text
    shutil.rmtree(hall.folder / "g1.git")
    assert text_of(hall.submission()) == FIRST["solution.py"]


def test_an_extension_lets_a_later_commit_count(hall):
    hall.event("extension", "120", "mlp/g1/g1-1")  # a member who works alone is a group
    hall.push(FIRST)
    hall.collect("12:05")
    hall.push(SECOND)
    (receipt,) = hall.collect("14:05")
    assert "due         2027-01-15 14:00:00 GMT" in receipt.text
    assert text_of(hall.submission()) == SECOND["solution.py"]


def test_before_the_deadline_a_submission_is_provisional(hall):
    hall.push(FIRST)
    (receipt,) = hall.collect("10:00")
    assert f"{receipt.commit} so far" in receipt.text
    submission = hall.submission("10:01")
    assert (submission.state, text_of(submission)) == ("provisional", FIRST["solution.py"])


def test_an_untouched_starter_is_reported(hall):
    hall.push({"mlp/solution.py": SOLUTION})
    (receipt,) = hall.collect("12:05")
    assert "problem     the solution is the unchanged starter" in receipt.text
    assert hall.submission().untouched


def test_each_group_gets_a_receipt_that_says_what_to_do(tmp_path):
    hall = Hall(tmp_path, groups=("empty", "away", "fine", "weights", "branch"))
    shutil.rmtree(tmp_path / "away.git")
    hall.push(FIRST, "fine")
    hall.push({"solution.py": SOLUTION, "weights/w.pt": "version https://git-lfs.github.com/spec/v1\n"}, "weights")
    hall.push(FIRST, "branch", branch="mian")
    roster = (tmp_path / "roster.csv").read_text().splitlines()
    (tmp_path / "roster.csv").write_text("\n".join([roster[0] + ",branch", *(row + ",main" for row in roster[1:])]))
    hall.course = load_course(tmp_path)
    done = []
    receipts = hall.collect("12:05", jobs=3, on_progress=lambda *step: done.append(step[:2]))
    assert [receipt.group for receipt in receipts] == ["empty", "away", "fine", "weights", "branch"]
    assert sorted(done) == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    empty, away, fine, weights, branch = (receipt.text for receipt in receipts)
    assert "commit      none (the repository is empty: commit your work and push it)" in empty
    assert "check the address in the roster" in away
    assert fine.splitlines()[5].startswith(f"  counts      {receipts[2].commit} so far (the last commit seen so far")
    assert "problem     Git LFS pointer: weights/w.pt; commit the file itself" in weights
    assert 'there is no branch "main": did you mean "mian"?' in branch
    hall.ledger.close()


def test_every_look_is_recorded_by_our_clock(hall):
    commit = hall.push(FIRST)
    hall.collect("11:55")
    hall.down("11:58")
    hall.collect("12:01")
    seen = [(look.seen_at[11:16], look.how, look.commit) for look in hall.ledger.observations("mlp")]
    assert seen == [("11:55", "tip", commit), ("11:58", "unreachable", None), ("12:01", "tip", commit)]


def test_one_group_can_be_collected_alone(tmp_path):
    hall = Hall(tmp_path, groups=("g1", "g2"))
    hall.push(FIRST, "g2")
    (receipt,) = hall.collect("11:00", only=["g2"])
    assert (receipt.group, len(hall.ledger.observations("mlp"))) == ("g2", 1)
    with pytest.raises(UserError, match='did you mean "g2"'):
        hall.collect("11:00", only=["gg2"])
    hall.ledger.close()


def test_a_tip_that_could_not_be_fetched_is_recorded_and_fetched_next_time(hall):
    commit = hall.push(FIRST)
    packs = hall.course.mirrors / "g1"
    packs.parent.mkdir(parents=True)
    packs.write_text("in the way")
    (receipt,) = hall.collect("12:05")
    assert receipt.commit == commit
    assert "seen, but not fetched" in receipt.text
    waiting = hall.submission()
    assert (waiting.state, waiting.waits, waiting.commit, waiting.later_tips) == ("not fetched", True, None, (commit,))
    packs.unlink()
    hall.collect("12:30")
    submission = hall.submission()
    assert (submission.commit, submission.state, submission.waits) == (commit, "counts", False)


def test_a_checkout_that_cannot_be_written_says_where_and_loses_nothing(hall):
    commit = hall.push(FIRST)
    hall.course.checkouts.parent.mkdir(parents=True, exist_ok=True)
    hall.course.checkouts.write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        hall.collect("12:05")
    hall.course.checkouts.unlink()
    assert hall.submission().commit == commit


def test_a_repository_over_the_limit_is_reported_and_never_a_silent_zero(tmp_path):
    hall = Hall(tmp_path)
    small = hall.course.repositories.model_copy(update={"size_mb": 1})
    hall.course = hall.course.model_copy(update={"repositories": small})
    hall.push({"solution.py": SOLUTION, "data.bin": os.urandom(2_000_000)})
    (receipt,) = hall.collect("12:05")
    assert "larger than 1 MB: remove large files from its history" in receipt.text
    assert hall.submission().state == "not fetched"
    hall.ledger.close()


def test_what_is_submitted_holds_all_that_grading_needs(hall):
    commit = hall.push({**FIRST, "conftest.py": ""}, message="Done", author="Somebody Else <x@example.org>")
    hall.collect("12:05")
    submission = hall.submission()
    assert (submission.group, submission.members[0].id, submission.commit) == ("g1", "g1-1", commit)
    assert (submission.framework, submission.flags) == ("pytorch", ("holds conftest.py",))
    assert (submission.due, submission.seen_at) == (at("12:00"), "2027-01-15T12:05:00.000+00:00")
    assert submission.signature.author == "Somebody Else <x@example.org>"
    assert replace(submission, signature=None) == replace(hall.submission(), signature=None)


def test_a_missing_token_stops_the_collection_before_any_look(hall, monkeypatch):
    monkeypatch.delenv("COURSE_TOKEN", raising=False)
    text = (hall.folder / "course.toml").read_text() + '[access.token_env]\n"a.org" = "COURSE_TOKEN"\n'
    (hall.folder / "course.toml").write_text(text)
    (hall.folder / "roster.csv").write_text(
        "group,member,name,email,repository\ng1,s1,Ada,a@ucl.ac.uk,https://a.org/b/c\n"
    )
    hall.course = load_course(hall.folder)
    with pytest.raises(UserError, match=r"COURSE_TOKEN for a.org is not set"):
        hall.collect("12:05")
    assert hall.ledger.observations("mlp") == []


def test_a_course_that_names_an_assignment_wrongly_says_so(hall):
    text = (hall.folder / "course.toml").read_text()
    (hall.folder / "course.toml").write_text(text.replace("assignments.mlp", "assignments.mpl"))
    with pytest.raises(UserError, match=r"has the id mlp; write \[assignments.mlp\]"):
        assignment_of(load_course(hall.folder), "mpl")


def test_a_task_or_source_that_does_not_exist_is_reported_before_marking(hall):
    file = hall.folder / "coursework/assignment.toml"
    file.write_text(ASSIGNMENT.replace('"classification"', '"clasification"').replace("breast_cancer", "brest_cancer"))
    with pytest.raises(UserError) as caught:
        assignment_of(hall.course, "mlp")
    assert 'did you mean "classification"?' in str(caught.value)
    assert 'did you mean "breast_cancer"?' in str(caught.value)
    with pytest.raises(UserError, match='did you mean "classification"'):
        hall.collect("11:00")  # what the interface has to fit follows from the task
    file.write_text(ASSIGNMENT.replace("breast_cancer", "brest_cancer"))
    hall.collect("11:00")  # the notary's record does not wait for the source


def test_a_course_sets_its_own_values_for_an_assignment(hall):
    text = (hall.folder / "course.toml").read_text()
    own = '[assignments.mlp.data]\npath = "cases"\ntest = 7\n[assignments.mlp.run]\nmode = "retrain"\nseeds = 2\n'
    (hall.folder / "course.toml").write_text(text + own)
    assignment = assignment_of(load_course(hall.folder), "mlp")
    assert (assignment.data.path, assignment.data.test, assignment.run.seeds) == (hall.folder / "cases", 7, 2)
    (hall.folder / "course.toml").write_text(text + "[assignments.mlp.data]\ntest = -1\n")
    with pytest.raises(UserError, match=r"assignments.mlp.data"):
        assignment_of(load_course(hall.folder), "mlp")
