"""Who is in which group: people as they are called, rosters as they are exported, and what one odd row may stop."""

from __future__ import annotations

import pytest

from graders.course.course import CourseError, load_course
from tests.graders.small_roster import COURSE, HEADER, ROSTER, write_course


def course_in(folder, roster=ROSTER, settings=""):
    return load_course(write_course(folder, COURSE + settings, roster))


def refused(folder, roster, settings=""):
    """What stops the whole course, a problem a line, without the folder."""
    with pytest.raises(CourseError) as caught:
        course_in(folder, roster, settings)
    return str(caught.value).replace(f"{folder.resolve()}/", "").splitlines()


def aside(folder, roster):
    """The groups that are set aside, and every problem, without the folder."""
    course = course_in(folder, roster)
    problems = [problem.replace(f"{folder.resolve()}/", "") for problem in course.roster_problems]
    return [group.name for group in course.groups if group.aside], problems


def person(folder, name="Ada", email="ada@ucl.ac.uk", member="s1"):
    """The only member of a roster of one row, and its problems."""
    course = course_in(folder, f'{HEADER}\ng1,{member},"{name}",{email},https://github.com/ucl/g1\n')
    return course.groups[0].members, course.roster_problems


# People as they are called


@pytest.mark.parametrize(
    "email",
    [
        "niamh.o'brien@example.ac.uk",
        "o\u2019brien@example.ac.uk",
        "!#$%&'*+-/=?^_`{|}~@example.org",
        "user+tag@example.org",
        "customer/department=shipping@example.com",
        "a..b@docomo.ne.jp",
        ".first@example.org",
        "x@localhost",
        "用户@例子.广告",
        "अजय@डाटा.भारत",
        "zoë@münchen.de",
        "ada@xn--mnchen-3ya.de",
        "ada@[192.0.2.1]",
        "A" * 64 + "@example.org",
    ],
)
def test_every_unquoted_address_of_the_mail_standards_is_read(tmp_path, email):
    members, problems = person(tmp_path, email=f'"{email}"')
    assert problems == ()
    assert members[0].email == email


@pytest.mark.parametrize(
    ("email", "what"),
    [
        ("", "is missing"),
        ("ada", "there is no @ in it"),
        ("@ucl.ac.uk", "a part of it is empty"),
        ("ada@", "a part of it is empty"),
        ("ada@ucl..uk", "a part of it is empty"),
        ("ada @ucl.ac.uk", "it holds a space"),
        ("ada\u00a0l@ucl.ac.uk", "it holds NO-BREAK SPACE (U+00A0)"),
        ("ada\u200b@ucl.ac.uk", "it holds ZERO WIDTH SPACE (U+200B)"),
        ("ada\u202e@ucl.ac.uk", "it holds RIGHT-TO-LEFT OVERRIDE (U+202E)"),
        ("ada\x07@ucl.ac.uk", "it holds a control character (U+0007)"),
        ("ada@ucl.ac.uk;grace@ucl.ac.uk", "holds two addresses; keep one"),
        ("ada@ucl.ac.uk grace@ucl.ac.uk", "holds two addresses; keep one"),
        ("ada@ucl.ac.uk,grace@ucl.ac.uk", "holds two addresses; keep one"),
        ("ada@ucl.ac.uk;", "it holds ;"),
        ("Ada<ada@ucl.ac.uk>", "it holds <"),
        ("mailto:ada@ucl.ac.uk", "it holds :"),
    ],
)
def test_an_address_that_would_break_something_is_refused_with_that_character(tmp_path, email, what):
    _, problems = person(tmp_path, email=f'"{email}"')
    assert len(problems) == 1
    assert what in problems[0]
    assert "roster.csv:2 email: " in problems[0]


@pytest.mark.parametrize(
    "name",
    [
        "Niamh O'Brien",
        "Niamh O\u2019Brien",
        "علی\u200cرضا",  # Persian, with a non-joiner
        "ක්\u200dෂිතිජ",  # Sinhala, with a joiner
        "Jean\u00a0Luc",
        "Zoe\u0308",  # decomposed
        "מרים בן\u05be\u05d7\u05d9\u05d9\u05dd",
        "\u200fمحمد\u200e",
        "王小明",
        "Nguyễn Thị Ánh",
        "Łukasz-Jan d'Arc, Jr.",
        "𠮷野家",
        "X Æ A-12",
    ],
)
def test_a_name_of_any_script_is_read_as_it_is_written(tmp_path, name):
    members, problems = person(tmp_path, name=name)
    assert problems == ()
    assert members[0].name == name


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("", "is missing"),
        ("A\x1b[1m", "holds a control character (U+001B)"),
        ("A\x85B", "holds a control character (U+0085)"),
        ("A\nB", "holds a control character (U+000A)"),
        ("A\u2028B", "holds LINE SEPARATOR (U+2028)"),
        ("abc\u202edef", "holds RIGHT-TO-LEFT OVERRIDE (U+202E)"),
    ],
)
def test_a_name_that_would_break_a_line_or_turn_a_page_is_refused_with_that_character(tmp_path, name, what):
    _, problems = person(tmp_path, name=name)
    assert len(problems) == 1
    assert "roster.csv:2 name: " in problems[0]
    assert what in problems[0]


@pytest.mark.parametrize(
    "member", ["2019/1234", "zcabc01", "ada@ucl.ac.uk", "M-12.3", "Ñandú7", "12 345", "0012", "a:b"]
)
def test_a_members_id_is_whatever_the_university_issues(tmp_path, member):
    members, problems = person(tmp_path, member=member)
    assert problems == ()
    assert members[0].id == member


def test_a_student_number_that_excel_keeps_by_a_formula_is_read_without_its_formula(tmp_path):
    members, problems = person(tmp_path, member='="0012345"')
    assert (members[0].id, problems) == ("0012345", ())


@pytest.mark.parametrize(
    ("member", "what"),
    [
        ("", "is missing"),
        ("s\u200b1", "it holds ZERO WIDTH SPACE (U+200B)"),
        ("s\u00a01", "it holds NO-BREAK SPACE (U+00A0)"),
        ("1.23E+12", "is a number that a spreadsheet has shortened; format the column as text"),
        ("s" * 129, "it has more than 128 characters"),
    ],
)
def test_an_id_with_characters_that_nobody_sees_is_refused(tmp_path, member, what):
    _, problems = person(tmp_path, member=member)
    assert len(problems) == 1
    assert what in problems[0]


# Rosters as they are exported


def test_a_roster_with_a_byte_order_mark_semicolons_and_excels_empty_columns_is_the_same_roster(tmp_path):
    text = "\n".join(line + ",," for line in ROSTER.splitlines()) + "\n,,,,,,\n"
    excel = ("\ufeff" + text.replace(",", ";").replace("\n", "\r\n")).encode()
    assert course_in(tmp_path, excel).groups == course_in(tmp_path).groups
    assert course_in(tmp_path, ROSTER.replace(",", "\t").encode("utf-16")).groups == course_in(tmp_path).groups


def test_excel_leaves_the_empty_address_at_the_end_of_a_row_out(tmp_path):
    assert course_in(tmp_path, ROSTER.replace("alan@ucl.ac.uk,", "alan@ucl.ac.uk")).groups == course_in(tmp_path).groups


def test_a_name_with_a_comma_stands_in_quotes(tmp_path):
    course = course_in(tmp_path, ROSTER.replace("Ada Lovelace", '"Lovelace, Ada"'))
    assert course.groups[0].members[0].name == "Lovelace, Ada"


def test_optional_columns_are_read(tmp_path):
    roster = (
        f"{HEADER},branch,path,pass_mark,candidate\n"
        "g1,s1,Ada,ada@ucl.ac.uk,https://github.com/ucl/mono,main,teams/Übung,50,ABCD1\n"
        "g2,s2,Alan,alan@ucl.ac.uk,https://github.com/ucl/mono,main,teams/U\u0308bung 2,,\n"
    )
    course = course_in(tmp_path, roster)
    g1, g2 = course.groups
    assert course.roster_problems == ()
    assert (g1.branch, g1.path, g2.path) == ("main", "teams/Übung", "teams/U\u0308bung 2")
    (ada,), (alan,) = g1.members, g2.members
    assert (ada.pass_mark, ada.candidate) == (50, "ABCD1")
    assert (alan.pass_mark, alan.candidate) == (None, None)


def test_other_columns_are_copied_as_they_are_written(tmp_path):
    lines = ROSTER.splitlines()
    rows = [lines[0] + ",Programme,Occurrence", *(f"{line},MSc Ä,=A{at}" for at, line in enumerate(lines[1:]))]
    course = course_in(tmp_path, "\n".join(rows))
    assert course.groups[1].members[0].more == (("Programme", "MSc Ä"), ("Occurrence", "=A2"))
    assert (course.roster_problems, course.roster_notes) == ((), ())


@pytest.mark.parametrize(
    ("heading", "near"), [("pasmark", "pass_mark"), ("Pass mark", "pass_mark"), ("candidte", "candidate")]
)
def test_a_column_that_is_nearly_a_column_of_the_roster_is_copied_with_a_note(tmp_path, heading, near):
    lines = ROSTER.splitlines()
    course = course_in(tmp_path, "\n".join([f"{lines[0]},{heading}", *(f"{line},50" for line in lines[1:])]))
    (note,) = course.roster_notes
    assert note.endswith(
        f"roster.csv:1 {heading}: this column is not read; the mark sheet has it as it is; did you mean {near}?"
    )
    assert course.groups[0].members[0].more == ((heading, "50"),)
    assert course.groups[0].members[0].pass_mark is None


MOODLE = """\
[roster.columns]
group = "Group"
member = "ID number"
name = ["First name", "Last name"]
email = "Email address"
"""


def test_the_headings_of_a_learning_platform_are_named_in_the_course(tmp_path):
    roster = (
        '"First name","Last name","ID number","Email address",Department,Group,repository\n'
        "Ada,Lovelace,0012,ada@ucl.ac.uk,CS,g1,https://github.com/ucl/g1\n"
        "Madonna,,0013,m@ucl.ac.uk,CS,g1,\n"
    )
    (group,) = course_in(tmp_path, roster, MOODLE).groups
    assert [(m.id, m.name, m.email, m.more) for m in group.members] == [
        ("0012", "Ada Lovelace", "ada@ucl.ac.uk", (("Department", "CS"),)),
        ("0013", "Madonna", "m@ucl.ac.uk", (("Department", "CS"),)),
    ]


def test_a_heading_that_the_course_names_and_the_roster_lacks_is_reported_with_the_nearest(tmp_path):
    lines = refused(tmp_path, ROSTER, '[roster.columns]\nemail = "Emial"\n')
    assert lines == [
        'roster.csv:1 email: there is no column "Emial", which [roster.columns] of course.toml names; '
        'did you mean "email"?'
    ]
    lines = refused(tmp_path, ROSTER, '[roster.columns]\nemial = "Email"\n')
    assert lines == ['course.toml:7 roster.columns.emial: unknown key; did you mean "email"?']


@pytest.mark.parametrize(
    ("roster", "what"),
    [
        (None, f"roster.csv: is missing; write one row per person under the header {HEADER}"),
        ("", "roster.csv: is empty"),
        (f"{HEADER}\n", "roster.csv: has no row below its header"),
        (
            "group,membr,name,email,repository\ng1,s1,A,a@b.org,https://a.org/b\n",
            'roster.csv:1 member: there is no such column, but there is "membr"; the header is',
        ),
        ("group,Group,member,name,email,repository\n", "roster.csv:1 Group: columns 1 and 2 both have this name"),
        (ROSTER.replace("Ada", "Zoë").encode("cp1252"), "perhaps it is Windows-1252"),
    ],
)
def test_a_roster_that_cannot_be_read_says_why(tmp_path, roster, what):
    assert what in refused(tmp_path, roster)[0]


# What one odd row may stop


@pytest.mark.parametrize(
    ("row", "groups", "what"),
    [
        ("g3,s9,X,x@a.org,", ["g3"], "roster.csv:5 repository: group g3 has no repository"),
        (
            "g3,s9,X,x@a.org,https://github.com/ucl/g1.git",
            ["g1", "g3"],
            "roster.csv:5 repository: groups g1 and g3 have the same repository, branch and path",
        ),
        ("g3,s9,X,x@a.org,http://github.com/x/y", ["g3"], "roster.csv:5 repository: "),
        ("g3,s9,X,x@a.org,file:///srv/x", ["g3"], "allow_file = true"),
        ("g2,s9,X,GRACE@ucl.ac.uk,", ["g2"], 'roster.csv:5 email: "GRACE@ucl.ac.uk" is on line 4 too'),
        ("g2,s9,X,ada@ucl.ac.uk,", ["g1", "g2"], 'roster.csv:5 email: "ada@ucl.ac.uk" is on line 2 too'),
        ("g2,,X,x@a.org,", ["g2"], "roster.csv:5 member: is missing"),
        ("g2,s9,,x@a.org,", ["g2"], "roster.csv:5 name: is missing"),
        ("g2,s9,X,,", ["g2"], "roster.csv:5 email: is missing"),
        ("g2,s9,X,x@a.org,https://github.com/ucl/g2", ["g2"], "roster.csv:5 repository: group g2 has"),
        (",s9,X,x@a.org,", [], "roster.csv:5 group: is missing"),
        ("../g3,s9,X,x@a.org,https://a.org/b/c", [], 'roster.csv:5 group: "../g3" cannot be a group'),
        ("CON,s9,X,x@a.org,https://a.org/b/c", [], 'roster.csv:5 group: "CON" cannot be a group'),
        ("-g,s9,X,x@a.org,https://a.org/b/c", [], 'roster.csv:5 group: "-g" cannot be a group'),
        ("g2,s9,a,b,x@a.org,y", ["g2"], "roster.csv:5: has 6 cells under 5 columns; put quotes around cells"),
    ],
)
def test_an_odd_row_sets_its_group_aside_and_the_others_go_on(tmp_path, row, groups, what):
    names, problems = aside(tmp_path, f"{ROSTER}{row}\ng8,s8,Emmy,emmy@ucl.ac.uk,https://github.com/ucl/g8\n")
    assert names == groups
    assert len(problems) == 1
    assert what in problems[0]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("g2,S3,X,x@a.org,", 'roster.csv:5 member: "S3" is on line 4 too'),
        ("G2,s9,X,x@a.org,https://a.org/b/c", 'roster.csv:5 group: "G2" and "g2" differ in capitals only'),
        ("g2,g1,X,x@a.org,", 'roster.csv:5 member: "g1" is also the name of a group'),
        ('g2,s9,"X,x@a.org,', "roster.csv:5: is not CSV"),
    ],
)
def test_what_leaves_open_who_is_who_stops_the_course(tmp_path, row, what):
    assert what in "\n".join(refused(tmp_path, f"{ROSTER}{row}\n"))


def test_ids_that_differ_only_in_how_their_letters_are_composed_are_one(tmp_path):
    rows = "g1,zo\u00eb,A,a@b.org,https://a.org/b/c\ng1,zoe\u0308,B,b@b.org,\n"
    assert "is on line 2 too" in refused(tmp_path, f"{HEADER}\n{rows}")[0]


def test_every_problem_is_reported_at_once(tmp_path):
    _, problems = aside(tmp_path, f"{ROSTER}g2,s9,,nobody,\n,s8,X,x@a.org,\n")
    lines = [line.partition(": ")[0] for line in problems]
    assert lines == ["roster.csv:5 name", "roster.csv:5 email", "roster.csv:6 group"]


def test_branch_and_path_are_checked(tmp_path):
    roster = (
        f"{HEADER},branch,path\n"
        "g1,s1,Ada,ada@ucl.ac.uk,https://github.com/ucl/g1,--upload-pack=x,../up\n"
        "g2,s2,Alan,alan@ucl.ac.uk,https://github.com/ucl/g2,main,work\n"
    )
    names, problems = aside(tmp_path, roster)
    assert names == ["g1"]
    what = '"--upload-pack=x" is not a branch name that medmark accepts'
    assert f"roster.csv:2 branch: {what}; write it as `git branch` shows it" in problems
    assert 'roster.csv:2 path: "../up" is not a folder inside the repository; write it as coursework/part1' in problems


def test_an_address_that_is_refused_is_kept_nowhere(tmp_path):
    """It may hold a token, which a look would record."""
    course = course_in(tmp_path, f"{HEADER}\ng1,s1,Ada,ada@ucl.ac.uk,https://me:ghp_x@github.com/ucl/g1\n")
    assert course.groups[0].aside
    assert course.groups[0].repository == ""


@pytest.mark.parametrize("second", ["", "g1,s2,Alan,alan@ucl.ac.uk,https://github.com/ucl/g1\n"])
def test_a_token_in_an_address_is_not_printed(tmp_path, second):
    """What sets a group aside goes to the terminal, to cron's mail and into staff's evidence."""
    roster = f"{HEADER}\ng1,s1,Ada,ada@ucl.ac.uk,https://me:ghp_x@github.com/ucl/g1\n{second}"
    names, problems = aside(tmp_path, roster)
    assert names == ["g1"]
    everything = "\n".join([*problems, *course_in(tmp_path, roster).groups[0].aside])
    assert "https://***@github.com/ucl/g1" in everything
    assert "ghp_x" not in everything
