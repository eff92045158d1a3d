"""Lists of people of other systems as rosters: what comes in, what stays, who is left out, and what is refused."""

from __future__ import annotations

import codecs
import csv
import io

import openpyxl
import pytest

from assignments.errors import UserError
from graders.course.course import CourseError, load_course
from graders.course.importing import planned_roster
from graders.course.roster_difference import CellChange, RosterEntry
from tests.graders.small_roster import COURSE, write_course

SHA = "1a2b3c4d5e6f708192a3b4c5d6e7f80910111213"
PARTICIPANTS = '''\
First name,Last name,ID number,Email address,Roles,Groups
Ada,Byron,25001234,ada@example.org,Student,Group 7
"Grace, ""Amazing""",Murray,25001235,grace@example.org,Student,Group 7
José,Núñez,25001236,jose@example.org,Student,Group 10
'''
WORKSHEET = """\
Identifier,"Full name","ID number","Email address",Status,Group,Grade,"Maximum grade","Grade can be changed",\
"Last modified (submission)","Online text","Last modified (grade)","Feedback comments"
"Participant 90211","Ada Byron",25001234,ada@example.org,"Submitted for grading - ",group-01,,100.00,Yes,\
"Friday, 15 January 2027, 11:42 AM",\
"<p>https://git.example.org/dl/group-01.git 1a2b3c4d5e6f708192a3b4c5d6e7f80910111213</p>",-,
"Participant 90212","Murray, Grace",25001235,grace@example.org,"Submitted for grading - Graded",group-01,61.50,100.00,\
Yes,"Friday, 15 January 2027, 11:42 AM",,"Monday, 18 January 2027, 9:05 AM","<p>First marker only</p>"
"Participant 90213","José Núñez",25001236,jose@example.org,"No submission",group-02,,100.00,No,-,,-,
"""
BLIND = """\
Identifier,Status,Grade,"Maximum grade","Marking workflow state","Last modified (submission)"
"Participant 7","Submitted for grading - Not marked",,100.00,"Not marked","Friday, 15 January 2027, 11:42 AM"
"""
GITHUB_ROSTER = """\
"identifier","github_username","github_id","name"
"25001234","adabyron","1001","Ada Byron"
"25001235","","",""
"""
GITHUB_GRADES = """\
"assignment_name","assignment_url","starter_code_url","github_username","roster_identifier","student_repository_name",\
"student_repository_url","submission_timestamp","points_awarded","points_available","group_name"
"U-Net","https://classroom.github.com/c/1","https://github.com/dl/s","adabyron","25001234","u-net-heron",\
"https://github.com/dl/u-net-heron","2027-01-15 11:42:10 UTC","73","100","heron"
"""
CLASSROOM50 = """\
username,first_name,last_name,email,section,github_id,programme
adabyron,Ada,Byron,ada@example.org,A,1001,MSc
"""
PATTERN = '[roster]\nrepository = "https://github.com/ORG/{group}.git"\n'
HEADER = "group,member,name,email,repository"


@pytest.fixture
def course(tmp_path):
    """Makes a course with this roster, and plans the import of a list with this content."""

    def planned(content, roster=None, settings="", name="list.csv", **options):
        write_course(tmp_path, COURSE + settings, roster)
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return planned_roster(tmp_path, file, **options)

    return planned


def rows(planned):
    return list(csv.DictReader(io.StringIO(planned.content.decode())))


def in_list(planned):
    """What to look at in the list, without its folder."""
    folder = f"{planned.people.path.parent}/"
    return [str(problem).replace(folder, "") for problem in planned.problems]


def group_rows(planned):
    return [(row["group"], row["member"], row["name"], row["email"]) for row in rows(planned)]


# What each list gives


def test_participants_of_moodle_become_people_of_groups(course):
    planned = course(PARTICIPANTS, settings=PATTERN)
    assert planned.people.kind.id == "participants"
    assert rows(planned) == [
        {"group": "group-07", "member": "25001234", "name": "Ada Byron", "email": "ada@example.org",
         "repository": "https://github.com/ORG/group-07.git", "shown_group": "Group 7"},
        {"group": "group-07", "member": "25001235", "name": 'Grace, "Amazing" Murray', "email": "grace@example.org",
         "repository": "https://github.com/ORG/group-07.git", "shown_group": "Group 7"},
        {"group": "group-10", "member": "25001236", "name": "José Núñez", "email": "jose@example.org",
         "repository": "https://github.com/ORG/group-10.git", "shown_group": "Group 10"},
    ]  # fmt: skip
    assert (planned.problems, planned.roster.row_problems, planned.roster.notes) == ((), [], [])


@pytest.mark.parametrize(
    "content",
    [
        PARTICIPANTS.encode("utf-8-sig"),
        PARTICIPANTS.encode("utf-16"),
        PARTICIPANTS.replace(",", ";").replace("Grace;", "Grace,").encode(),
        PARTICIPANTS.replace(",", "\t").replace("Grace\t", "Grace,").encode("utf-16"),
        PARTICIPANTS.replace("\n", "\r\n").encode(),
        PARTICIPANTS.replace("Last name", "Surname").replace("Email address", "E-mail").encode(),
        PARTICIPANTS.replace("Groups", "Group").replace("ID number", "idnumber").encode(),
    ],
    ids=["byte order mark", "UTF-16", "semicolons", "tabs", "Windows", "Surname", "idnumber"],
)  # fmt: skip
def test_separators_encodings_and_headings_may_differ(course, content):
    assert group_rows(course(content)) == group_rows(course(PARTICIPANTS))


def test_a_workbook_is_read_like_its_csv(course, tmp_path):
    book = openpyxl.Workbook()
    for line in csv.reader(io.StringIO(PARTICIPANTS)):
        book.active.append(line)
    out = io.BytesIO()
    book.save(out)
    assert group_rows(course(out.getvalue(), name="list.xlsx")) == group_rows(course(PARTICIPANTS))


def test_a_worksheet_gives_repositories_and_commits_from_its_online_text(course):
    planned = course(WORKSHEET)
    assert planned.people.kind.id == "worksheet"
    assert [(row["member"], row["name"], row["repository"], row["claimed_commit"]) for row in rows(planned)] == [
        ("25001234", "Ada Byron", "https://git.example.org/dl/group-01.git", SHA),
        ("25001235", "Murray, Grace", "https://git.example.org/dl/group-01.git", ""),
        ("25001236", "José Núñez", "", ""),
    ]
    assert "Grade" not in rows(planned)[0]
    assert [problem.what for problem in planned.roster.row_problems] == ["group group-02 has no repository"]


def test_a_worksheet_of_blind_marking_names_nobody(course):
    with pytest.raises(UserError, match="blind marking: no column says who a row is about"):
        course(BLIND)


ROSTER = f"""\
{HEADER},pass_mark,candidate,programme
heron,25001234,Ada Byron,ada@example.org,,50,C1,MSc
heron,25001235,Grace Murray,grace@example.org,https://github.com/dl/u-net-heron.git,,C2,BSc
"""


def test_a_github_roster_adds_accounts_to_people_of_the_roster(course):
    planned = course(GITHUB_ROSTER, ROSTER)
    assert [(row["member"], row["github_username"], row["github_id"]) for row in rows(planned)] == [
        ("25001234", "adabyron", "1001"),
        ("25001235", "", ""),
    ]
    assert in_list(planned) == ["list.csv:3 github_username: 25001235 is not linked to a GitHub account"]
    assert planned.difference.removed == ()


def test_a_github_roster_removes_nobody_and_adds_nobody_without_a_group(course):
    planned = course(GITHUB_ROSTER + '"25009999","eve","1009","Eve"\n', ROSTER + "wren,1,Alan,a@b.org,,,,\n")
    assert [row["member"] for row in rows(planned)] == ["25001234", "25001235", "1"]
    assert in_list(planned)[-1] == "list.csv:4: Eve: is not in the roster; import Moodle's list of participants first"


def test_grades_of_github_give_the_addresses_of_repositories(course):
    roster = ROSTER.replace("https://github.com/dl/u-net-heron.git", "")
    planned = course(GITHUB_GRADES, roster)
    assert [row["repository"] for row in rows(planned)] == ["https://github.com/dl/u-net-heron"] * 2
    assert planned.difference.cells[-1] == CellChange("heron", "repository", "", "https://github.com/dl/u-net-heron")


def test_an_address_that_the_roster_has_already_stays_whatever_its_spelling(course):
    planned = course(GITHUB_GRADES, ROSTER)
    assert in_list(planned) == []
    assert rows(planned)[1]["repository"] == "https://github.com/dl/u-net-heron.git"


def test_students_of_classroom_50_are_found_by_email_and_keep_further_columns(course):
    planned = course(CLASSROOM50, f"{HEADER}\ng1,s1,Ada,ada@example.org,https://h.org/dl/g1\n")
    (row,) = rows(planned)
    assert (row["group"], row["member"], row["github_username"], row["section"], row["programme"]) == (
        "g1", "s1", "adabyron", "A", "MSc",
    )  # fmt: skip


def test_students_of_classroom_50_may_work_alone(course):
    planned = course(CLASSROOM50, settings='[roster]\nrepository = "https://github.com/org/hw-{member}"\n', solo=True)
    (row,) = rows(planned)
    assert (row["group"], row["member"], row["repository"]) == (
        "adabyron", "adabyron", "https://github.com/org/hw-adabyron",
    )  # fmt: skip


def test_a_list_of_another_kind_is_refused_with_what_is_read(course):
    with pytest.raises(UserError, match="no list of people that medmark reads has these columns: colour, size"):
        course("colour,size\nred,1\n")


def test_a_kind_that_does_not_fit_is_refused(course):
    with pytest.raises(UserError, match="GitHub Classroom's grades has a column student_repository_url"):
        course(PARTICIPANTS, kind="github-grades")
    with pytest.raises(UserError, match='--kind "github": did you mean'):
        course(PARTICIPANTS, kind="github")


# What stays


def test_what_the_list_does_not_know_stays(course):
    planned = course(PARTICIPANTS.replace("Group 7", "heron"), ROSTER)
    ada = rows(planned)[0]
    assert {name: ada[name] for name in ("group", "pass_mark", "candidate", "programme", "repository")} == {
        "group": "heron", "pass_mark": "50", "candidate": "C1", "programme": "MSc",
        "repository": "https://github.com/dl/u-net-heron.git",
    }  # fmt: skip
    assert planned.difference.cells == (CellChange("25001235", "name", "Grace Murray", 'Grace, "Amazing" Murray'),)


def test_the_same_list_twice_changes_nothing(course, tmp_path):
    first = course(PARTICIPANTS, settings=PATTERN)
    first.write()
    again = planned_roster(tmp_path, tmp_path / "list.csv")
    assert not again.difference
    assert again.content == first.content


def test_a_person_keeps_the_id_under_which_they_are_marked(course):
    planned = course(PARTICIPANTS, f"{HEADER}\ng1,zcabc01,Ada,ada@example.org,https://h.org/dl/g1\n")
    ada = rows(planned)[0]
    assert (ada["member"], ada["id_number"], ada["group"]) == ("zcabc01", "25001234", "group-07")
    assert planned.difference.moved == (
        (RosterEntry("zcabc01", "Ada", "g1"), RosterEntry("zcabc01", "Ada Byron", "group-07")),
    )


def test_an_address_stays_with_the_group_when_the_person_on_whose_row_it_is_moves(course):
    planned = course(
        PARTICIPANTS.replace("ada@example.org,Student,Group 7", "ada@example.org,Student,Group 10"),
        f"{HEADER},branch\ngroup-07,25001234,Ada Byron,ada@example.org,https://h.org/dl/seven,work\n"
        "group-07,25001235,Grace,grace@example.org,,\n",
    )
    assert {row["member"]: (row["repository"], row["branch"]) for row in rows(planned)} == {
        "25001234": ("", ""), "25001235": ("https://h.org/dl/seven", "work"), "25001236": ("", ""),
    }  # fmt: skip


def test_headings_of_the_course_stay_and_a_name_of_two_columns_is_two_again(course):
    columns = '[roster.columns]\nname = ["Vorname", "Nachname"]\nemail = "Mail"\n'
    roster = (
        "member,group,Vorname,Nachname,Mail,repository\n25001234,g1,Ada,Lovelace,ada@example.org,https://h.org/g1\n"
    )
    planned = course(PARTICIPANTS, roster, settings=columns)
    assert list(rows(planned)[0]) == ["member", "group", "Vorname", "Nachname", "Mail", "repository", "shown_group"]
    assert [(row["Vorname"], row["Nachname"]) for row in rows(planned)] == [
        ("Ada", "Byron"), ('Grace, "Amazing"', "Murray"), ("José", "Núñez"),
    ]  # fmt: skip


def test_a_byte_order_mark_stays_so_that_a_spreadsheet_reads_the_names(course):
    planned = course(PARTICIPANTS, codecs.BOM_UTF8 + f"{HEADER}\n".encode())
    assert planned.content.startswith(codecs.BOM_UTF8 + b"group,member")


# Who is named to a person


def test_people_in_no_group_and_in_two_are_left_out_and_listed(course):
    two = PARTICIPANTS.replace("grace@example.org,Student,Group 7", 'grace@example.org,Student,"Group 7, Group 8"')
    planned = course(two.replace("Group 10", "No groups"))
    assert [row["member"] for row in rows(planned)] == ["25001234"]
    assert in_list(planned) == [
        'list.csv:3 groups: Grace, "Amazing" Murray: is in 2 groups: Group 7, Group 8; left out: name the groups that '
        "count with --groups PATTERN, or correct the list",
        "list.csv:4 groups: José Núñez: is in no group; left out: correct the list, or let them work alone: --solo",
    ]


def test_a_person_in_two_groups_stays_in_the_one_of_the_roster(course):
    two = PARTICIPANTS.replace("ada@example.org,Student,Group 7", 'ada@example.org,Student,"Group 8, Group 7"')
    planned = course(two, f"{HEADER}\ngroup-07,25001234,Ada Byron,ada@example.org,https://h.org/dl/seven\n")
    assert rows(planned)[0]["group"] == "group-07"
    assert in_list(planned) == ["list.csv:2 groups: Ada Byron: is in 2 groups: Group 8, Group 7; group-07 stays"]


def test_only_groups_of_a_pattern_count(course):
    tutorials = PARTICIPANTS.replace(",Group 7", ',"Group 7, Tutorial A"')
    assert group_rows(course(tutorials, groups=["group *"])) == group_rows(course(PARTICIPANTS))


def test_a_person_on_two_lines_is_one_person_with_the_groups_of_both(course):
    planned = course(PARTICIPANTS + "Ada,Byron,25001234,ada@example.org,Student,Group 8\n")
    assert [problem.what for problem in planned.problems] == [
        "Ada Byron: is on line 2 too",
        "Ada Byron: is in 2 groups: Group 7, Group 8",
    ]
    assert [row["member"] for row in rows(planned)] == ["25001235", "25001236"]


def test_a_person_without_an_email_is_named_and_their_group_waits(course):
    planned = course(PARTICIPANTS.replace("jose@example.org", ""), settings=PATTERN)
    assert in_list(planned) == ["list.csv:4 email: José Núñez: has no e-mail address; write it into the roster"]
    assert [group.name for group in planned.roster.groups if group.aside] == ["group-10"]


def test_who_vanishes_is_listed_as_removed(course):
    planned = course(PARTICIPANTS, f"{HEADER}\ng9,s9,Eve,eve@example.org,https://h.org/dl/g9\n")
    assert planned.difference.removed == (RosterEntry("s9", "Eve", "g9"),)


def test_who_has_no_group_works_alone_only_if_somebody_says_so(course):
    nobody = PARTICIPANTS.replace("Group 7", "").replace("Group 10", "-")
    with pytest.raises(UserError, match=r"nobody is in a group that counts(?s:.*)Ada Byron: is in no group; left out"):
        course(nobody)
    assert [row["group"] for row in rows(course(nobody, solo=True))] == ["25001234", "25001235", "25001236"]


# What is refused


def test_a_list_without_groups_makes_no_roster(course):
    lines = "\n".join(line.rpartition(",")[0] for line in PARTICIPANTS.splitlines())
    with pytest.raises(UserError, match=r"the list names no groups; export it with the column Groups, or .* --solo"):
        course(lines)
    assert [row["group"] for row in rows(course(lines, solo=True))] == ["25001234", "25001235", "25001236"]


def test_a_row_that_names_two_people_of_the_roster_stops_the_import(course):
    roster = f"{HEADER}\ng1,25001234,Ada,a@b.org,https://h.org/dl/g1\ng2,s2,Eve,ada@example.org,https://h.org/dl/g2\n"
    with pytest.raises(UserError, match=r'in the roster "25001234" is 25001234 but "ada@example.org" is s2'):
        course(PARTICIPANTS, roster)


def test_two_groups_of_one_name_stop_the_import(course):
    with pytest.raises(UserError, match="Group 7 and Group 07 would both become group-07"):
        course(PARTICIPANTS.replace("Group 10", "Group 07"))


def test_two_people_who_work_alone_do_not_share_a_folder(course):
    lines = "Full name,ID number,Email address\nA,2019/1,a@b.org\nB,2019:1,b@b.org\n"
    with pytest.raises(UserError, match=r"2019:1 works alone, and their group 2019-1 has other people too"):
        course(lines, solo=True)


def test_a_roster_with_mistakes_is_corrected_first(course):
    twice = f"{HEADER}\ng1,s1,Ada,a@b.org,https://h.org/dl/g1\ng1,s1,Eve,e@b.org,\n"
    with pytest.raises(UserError, match=r'must be corrected first; nothing was written.\n.*"s1" is on line 2 too'):
        course(PARTICIPANTS, twice)


def test_a_roster_that_changes_meanwhile_is_not_replaced(course, tmp_path):
    planned = course(PARTICIPANTS)
    (tmp_path / "roster.csv").write_text("somebody's work")
    with pytest.raises(UserError, match="was changed meanwhile; nothing was written"):
        planned.write()
    assert (tmp_path / "roster.csv").read_text() == "somebody's work"


def test_a_roster_that_is_a_workbook_is_not_replaced(course, tmp_path):
    (tmp_path / "roster.xlsx").write_bytes(b"")
    with pytest.raises(UserError, match=r"an import replaces roster.csv only"):
        course(PARTICIPANTS)


# Addresses


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("https://github.com/org/repo", "names no column in braces"),
        ("https://github.com/org/{group", "names no column in braces"),
        ("https://github.com/{org}/{group", "has a brace without its other one"),
        ("https://token@github.com/org/{group}", "holds a user name or token"),
        ("http://github.com/org/{group}", "is not an address that medmark fetches from"),
        ("file:///srv/{group}", "is a folder of this machine"),
    ],
)
def test_a_pattern_that_gives_no_address_is_a_mistake_in_course_toml(course, tmp_path, pattern, what):
    settings = f'[roster]\nrepository = "{pattern}"\n'
    with pytest.raises(CourseError, match=what):
        course(PARTICIPANTS, settings=settings)
    write_course(tmp_path, COURSE + settings)
    with pytest.raises(CourseError, match=f"roster.repository: {what}"):
        load_course(tmp_path)


def test_a_column_of_the_list_may_be_part_of_the_address(course):
    columns = '[roster]\nrepository = "https://github.com/org/{github_username}.git"\n'
    planned = course(CLASSROOM50, f"{HEADER}\ng1,s1,Ada,ada@example.org,\n", settings=columns)
    assert rows(planned)[0]["repository"] == "https://github.com/org/adabyron.git"


@pytest.mark.parametrize(
    ("column", "what"),
    [
        ("github_usrname", "which is not a column of the roster; use one of: branch, "),
        ("member", "needs one member of the group, which has several: 25001234, 25001235"),
        ("email", "needs one email of the group, which has several"),
    ],
)
def test_a_column_that_does_not_decide_the_address_gives_none(course, column, what):
    planned = course(PARTICIPANTS, settings=f'[roster]\nrepository = "https://h.org/{{{column}}}"\n')
    assert what in in_list(planned)[0]
    assert rows(planned)[0]["repository"] == ""


@pytest.mark.parametrize("member", ["../../etc", "a/b", "x@evil.org", "-o", "a b", "%2f"])
def test_no_cell_puts_more_than_a_name_into_an_address(course, member):
    lines = f"Full name,ID number,Email address\nA,{member},a@b.org\n"
    planned = course(lines, settings='[roster]\nrepository = "https://h.org/org/{member}.git"\n', solo=True)
    assert rows(planned)[0]["repository"] == ""
    assert len(planned.problems) == 1


def test_an_address_with_a_password_is_refused_and_not_shown(course):
    planned = course(WORKSHEET.replace("https://git", "https://ada:secret@git"))
    assert rows(planned)[0]["repository"] == ""
    assert "holds a user name or token" in in_list(planned)[0]
    assert "secret" not in "".join(in_list(planned))


def test_two_repositories_of_one_group_are_listed_and_none_is_taken(course):
    other = WORKSHEET.replace('11:42 AM",,"Monday', '11:42 AM",https://git.example.org/dl/other,"Monday')
    planned = course(other)
    assert [row["repository"] for row in rows(planned)][:2] == ["", ""]
    assert "group-01 names several repositories" in in_list(planned)[0]


def test_a_list_that_names_another_repository_than_the_roster_changes_nothing(course):
    roster = f"{HEADER}\ngroup-01,25001234,Ada Byron,ada@example.org,https://git.example.org/dl/mine\n"
    planned = course(WORKSHEET, roster)
    assert rows(planned)[0]["repository"] == "https://git.example.org/dl/mine"
    assert "and the roster has https://git.example.org/dl/mine" in in_list(planned)[0]


# What people wrote stays data


@pytest.mark.parametrize(
    "name",
    ["=HYPERLINK(1)", "+1", "-1+1", "@sum", "נועה כהן", "O'Brien", "a;=1", "Nuñez, José", 'The "x"', "'=x"],
)
def test_a_name_comes_back_as_it_was_and_runs_in_no_spreadsheet(course, name):
    out = io.StringIO()
    csv.writer(out).writerows([["Full name", "ID number", "Email address", "Group"], [name, "s1", "a@b.org", "g1"]])
    planned = course(out.getvalue(), settings=PATTERN)
    read = planned.roster.groups[0].members[0].name
    assert read == ("=x" if name == "'=x" else name)  # a sheet of medmark puts that apostrophe there
    for cell in next(csv.reader(io.StringIO(planned.content.decode().splitlines()[1]))):
        assert cell[:1] not in ("=", "+", "-", "@")


def test_a_name_with_a_line_break_is_one_line(course):
    planned = course('Full name,ID number,Email address,Group\n"Ada\nByron",s1,a@b.org,g1\n', settings=PATTERN)
    assert rows(planned)[0]["name"] == "Ada Byron"


def test_a_list_of_five_hundred_groups_is_read_in_a_second(course):
    lines = [f"P{n},Q,{n},p{n}@x.org,Group {n // 2}" for n in range(1000)]
    planned = course("\n".join(["First name,Last name,ID number,Email address,Groups", *lines]), settings=PATTERN)
    assert len(planned.roster.groups) == 500
    assert planned.roster.groups[3].name == "group-003"
    assert planned.roster.row_problems == []
