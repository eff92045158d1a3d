"""A course's files are read whole, and all their problems are reported at once."""

from __future__ import annotations

import stat
from datetime import UTC, datetime

import pytest

from assignments.errors import UserError
from graders.course.course import CourseError, assignment_of, load_course
from graders.course.new_course import init_course
from graders.course.secret import read_secret
from tests.graders import small_roster
from tests.graders.small_roster import ROSTER, write_course

COURSE = small_roster.COURSE.replace("mlp", "mlp_classifier")  # of the catalogue


def course_in(folder, course=COURSE, roster=ROSTER):
    return load_course(write_course(folder, course, roster))


def problems_of(folder, course=COURSE, roster=ROSTER):
    """The problems of a course, as `file:line key: what; cure` without the folder."""
    with pytest.raises(CourseError) as caught:
        course_in(folder, course, roster)
    return str(caught.value).replace(f"{folder.resolve()}/", "").splitlines()


def test_a_course_is_read_with_its_groups(tmp_path):
    course = course_in(tmp_path)
    assert course.deadline("mlp_classifier") == datetime(2027, 1, 15, 12, tzinfo=UTC)
    g1, g2 = course.groups
    assert [member.name for member in g1.members] == ["Ada Lovelace", "Alan Turing"]
    assert (g1.repository, g1.branch, g1.path) == ("https://github.com/ucl/g1", None, "")
    assert g2.repository == "git@github.com:ucl/g2.git"
    assert course.group("g2") == g2


def test_a_deadline_is_local_time_in_summer_too(tmp_path):
    course = course_in(tmp_path, COURSE.replace("2027-01-15", "2027-06-15"))
    assert course.deadline("mlp_classifier") == datetime(2027, 6, 15, 11, tzinfo=UTC)


def test_a_misspelt_key_a_wrong_type_and_roster_errors_are_reported_together(tmp_path):
    lines = problems_of(
        tmp_path,
        COURSE.replace("title", "titel") + 'weight = "1"\ngrace = 5\n[access]\nalow_file = true\n',
        ROSTER + "g1,s1,Ada,ada,https://github.com/ucl/other\n",
    )
    assert lines == [
        "course.toml title: is missing; add title = ...",
        'course.toml:1 titel: unknown key; did you mean "title"?',
        'course.toml:6 assignments.mlp_classifier.weight: should be a number without quotes, not "1"',
        'course.toml:7 assignments.mlp_classifier.grace: unknown key; did you mean "grace_minutes"?',
        'course.toml:9 access.alow_file: unknown key; did you mean "allow_file"?',
        'roster.csv:5 member: "s1" is on line 2 too; write one row per person: remove one',
        'roster.csv:5 email: "ada" is not an e-mail address: there is no @ in it; write it as name@ucl.ac.uk',
        'roster.csv:5 repository: group g1 has "https://github.com/ucl/g1" on line 2 and '
        '"https://github.com/ucl/other" here; keep one of them',
    ]


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("12:00:00\n", "12:00:00Z\n", "course.toml:5 assignments.mlp_classifier.deadline: should be a local time"),
        ("T12:00:00\n", "\n", "course.toml:5 assignments.mlp_classifier.deadline: "),
        ("2027-01-15T12", "2026-10-25T01", "the clocks of Europe/London show 2026-10-25 01:00:00 twice"),
        ("2027-01-15T12", "2027-03-28T01", "the clocks of Europe/London show 2027-03-28 01:00:00 never"),
        ('year = "', 'timezone = "Europe/Londn"\nyear = "', 'did you mean "Europe/London"?'),
        ('year = "', 'sandbox = "dokcer"\nyear = "', 'course.toml:2 sandbox: "dokcer" is not one of its values; did'),
        ('year = "', 'groups = []\nyear = "', "course.toml:2 groups: may not be set here; remove the line"),
        ("[assignments.mlp", "[access.token_env]\n'git hub' = 'X'\n[assignments.mlp", "is not a host"),
        ('year = "', 'late_policy = "ucl-2042"\nyear = "', 'course.toml:2 late_policy: there is no late policy "ucl-'),
        ('year = "', 'late_policy = "late.toml"\nyear = "', "late.toml: cannot be read: No such file"),
        ('year = "', 'closures = ["soon"]\nyear = "', 'closures.0: should be a date, such as 2026-12-24, not "soon"'),
        ('year = "', 'on_correction = "never"\nyear = "', 'on_correction: "never" is not one of its values; did you'),
        ('year = "', 'peer = { weight = 2 }\nyear = "', "course.toml:2 peer.weight: "),
        ("[assignments.mlp", "[access.token_env]\n'a.org' = 'ghp_x'\n[assignments.mlp", "write the variable's name"),
    ],
)  # fmt: skip
def test_impossible_values_are_reported_with_their_line(tmp_path, before, after, what):
    (line,) = problems_of(tmp_path, COURSE.replace(before, after))
    assert what in line
    assert "ghp_x" not in line


def test_a_deadline_beyond_the_known_bank_holidays_says_how_to_write_a_policy(tmp_path):
    (line,) = problems_of(tmp_path, 'late_policy = "ucl-2024"\n' + COURSE.replace("2027-01-15", "2030-01-15"))
    assert line == (
        "course.toml:6 assignments.mlp_classifier.deadline: medmark knows the bank holidays of 2020 to 2029, "
        "not those of 2030; write a late policy of your own, with bank_holidays"
    )
    course_in(tmp_path, COURSE.replace("2027-01-15", "2030-01-15"))  # without a policy no day is counted


def test_a_mistake_in_the_late_policy_of_an_assignment_is_reported_at_its_own_line(tmp_path):
    (line,) = problems_of(tmp_path, COURSE + 'late_policy = "yorck"\n')
    where = "course.toml:6 assignments.mlp_classifier.late_policy"
    assert line.startswith(f'{where}: there is no late policy "yorck"; did you mean')


def test_unknown_bank_holidays_do_not_matter_to_a_policy_of_calendar_days(tmp_path):
    course_in(tmp_path, 'late_policy = "york"\n' + COURSE.replace("2027-01-15", "2030-01-15"))
    (line,) = problems_of(tmp_path, COURSE.replace("2027-01-15", "2030-01-15") + 'late_policy = "sheffield"\n')
    assert "medmark knows the bank holidays of 2020 to 2029, not those of 2030" in line


def test_a_mistake_in_an_instructors_late_policy_is_reported_with_those_of_the_course(tmp_path):
    (tmp_path / "late.toml").write_text('title = "Ours"\n[[band]]\nsett = 0\nclause = "late"\n')
    lines = problems_of(tmp_path, 'late_policy = "late.toml"\n' + COURSE.replace("title", "titel"))
    assert any(line.startswith("late.toml:3 band.0.sett: unknown key") for line in lines)
    assert any(line.startswith("course.toml:2 titel: unknown key") for line in lines)


def test_closure_days_are_not_working_days(tmp_path):
    course = course_in(tmp_path, "closures = [2027-01-18]\n" + COURSE)
    due = course.deadline("mlp_classifier")
    assert course.calendar("mlp_classifier").after(due, 1) == datetime(2027, 1, 19, 12, tzinfo=UTC)


def test_a_course_without_assignments_or_that_is_not_toml_says_so(tmp_path):
    assert "assignments: is missing" in problems_of(tmp_path, COURSE.split("[")[0])[0]
    assert "is not TOML" in problems_of(tmp_path, "title = \n")[0]
    with pytest.raises(UserError, match="make a course: medmark init"):
        load_course(tmp_path / "none")


def test_an_unknown_group_or_assignment_gets_the_nearest(tmp_path):
    course = course_in(tmp_path)
    with pytest.raises(UserError, match='did you mean "g1"'):
        course.group("g11")
    with pytest.raises(UserError, match='did you mean "mlp_classifier"'):
        course.assignment("mlp_clasifier")


# A new course


def test_a_new_course_lacks_only_its_groups(tmp_path):
    folder = tmp_path / "course"
    init_course(folder, title='Say "AI"\n', assignments={"mlp_classifier": datetime(2027, 1, 15, 12)})
    with pytest.raises(CourseError) as caught:
        load_course(folder)
    assert [problem.what for problem in caught.value.problems] == ["has no row below its header"]
    (folder / "roster.csv").write_text(ROSTER)
    course = load_course(folder)
    assert course.title == 'Say "AI"\n'
    assert len(read_secret(course)) == 32
    assert stat.S_IMODE((folder / "hidden/secret").stat().st_mode) == 0o600
    assert "hidden/" in (folder / ".gitignore").read_text().splitlines()


def test_a_new_courses_deadline_is_the_moment_that_a_program_names(tmp_path):
    folder, noon = tmp_path / "course", datetime(2027, 6, 1, 12, tzinfo=UTC)  # 13:00 in London
    init_course(folder, assignments={"mlp_classifier": noon})
    (folder / "roster.csv").write_text(ROSTER)
    assert load_course(folder).deadline("mlp_classifier") == noon
    assert "deadline = 2027-06-01T13:00:00" in (folder / "course.toml").read_text()


def test_the_commented_example_of_a_new_course_is_valid(tmp_path):
    init_course(tmp_path / "course")
    text = (tmp_path / "course/course.toml").read_text()
    head, example = text.split("# One table for each assignment")
    lines = [line.removeprefix("# ") for line in example.splitlines()[1:]]
    course = course_in(tmp_path, head + "\n".join(lines))
    assert course.assignments["mlp_classifier"].run.seeds == 3


def test_a_new_course_overwrites_nothing(tmp_path):
    init_course(tmp_path / "course")
    before = (tmp_path / "course/hidden/secret").read_bytes()
    (tmp_path / "course/course.toml").unlink()
    with pytest.raises(UserError, match="exists already"):
        init_course(tmp_path / "course")
    assert (tmp_path / "course/hidden/secret").read_bytes() == before


ANCHORS = "trivial = 0.5, pass = 0.62, merit = 0.71, distinction = 0.79, reference = 0.81, ceiling = 0.9"


def test_a_course_with_other_data_sets_its_own_anchors(tmp_path):
    course = course_in(tmp_path, f"{COURSE}anchors.accuracy = {{ {ANCHORS} }}\n")
    assignment = assignment_of(course, "mlp_classifier")
    assert assignment.criterion("accuracy").anchors.values() == (0.5, 0.62, 0.71, 0.79, 0.81, 0.9)
    assert assignment.criterion("accuracy").points == 25


def test_anchors_of_a_criterion_that_does_not_exist_are_refused_by_name(tmp_path):
    course = course_in(tmp_path, f"{COURSE}anchors.acuracy = {{ {ANCHORS} }}\n")
    with pytest.raises(CourseError, match=r'anchors\.acuracy: there is no accuracy criterion with this id.*"accuracy"'):
        assignment_of(course, "mlp_classifier")


def test_anchors_of_a_course_rise_or_fall_strictly(tmp_path):
    text = f"{COURSE}anchors.accuracy = {{ {ANCHORS.replace('0.71', '0.6')} }}\n"
    assert "anchors must rise, or fall, strictly" in problems_of(tmp_path, text)[0]


def test_in_the_folder_above_a_course_the_course_is_named(tmp_path):
    (tmp_path / "dl-2027").mkdir()
    (tmp_path / "dl-2027/course.toml").write_text("")
    with pytest.raises(UserError, match=r"course\.toml: is missing; name the course's folder: -c \S+/dl-2027"):
        load_course(tmp_path)


def test_a_course_without_an_assignment_names_the_table_to_add(tmp_path):
    (tmp_path / "course.toml").write_text('title = "Deep learning"\nyear = 2027\n')
    (tmp_path / "roster.csv").write_text("group,member,name,email,repository\n")
    with pytest.raises(UserError, match=r"assignments: is missing; add a table \[assignments\.ID\] for each"):
        load_course(tmp_path)
