"""What an import says before it replaces the roster."""

from __future__ import annotations

from graders.course.importing import planned_roster
from reports.roster_lines import difference_lines, open_lines
from tests.graders.small_roster import COURSE, write_course

ROSTER = """\
group,member,name,email,repository
group-07,1,Ada Byron,ada@example.org,https://h.org/dl/seven
group-07,2,Grace,grace@example.org,
group-08,3,Eve,eve@example.org,https://h.org/dl/eight
"""
LIST = """\
Full name,ID number,Email address,Groups
Ada Lovelace,1,ada@example.org,Group 7
Grace,2,grace@example.org,Group 9
"Núñez, José",4,,Group 9
Alan,5,alan@example.org,No groups
"""


def planned(folder, text=LIST):
    write_course(folder, COURSE, ROSTER)
    (folder / "list.csv").write_text(text)
    return planned_roster(folder, folder / "list.csv")


def test_people_come_first_and_then_cells(tmp_path):
    lines = ["  ".join(line.split("  ")).rstrip() for line in difference_lines(planned(tmp_path))]
    assert [" ".join(line.split()) for line in lines] == [
        "list.csv: Moodle's list of participants, 4 people",
        "1 person added, 1 removed, 1 moved, 3 cells change",
        "Added",
        "4 Núñez, José group-09",
        "Removed, not in the list or in no group",
        "3 Eve group-08",
        "Moved",
        "2 Grace group-07 -> group-09",
        "name: 1 cell",
        '1 "Ada Byron" -> "Ada Lovelace"',
        "shown_group: 2 cells",
        '1 nothing -> "Group 7"',
        '2 nothing -> "Group 9"',
    ]


def test_what_must_be_corrected_stands_below(tmp_path):
    lines = [line.replace(f"{tmp_path}/", "") for line in open_lines(planned(tmp_path))]
    assert lines == [
        "list.csv:4 email: Núñez, José: has no e-mail address; write it into the roster",
        "list.csv:5 groups: Alan: is in no group; left out: correct the list, or let them work alone: --solo",
        "Of the new roster.csv these rows must be corrected; their groups are set aside until then:",
        "  roster.csv:3 repository: group group-09 has no repository; write its address on one of its rows",
        "  roster.csv:4 email: is missing; write it as name@ucl.ac.uk",
    ]


def test_an_import_that_changes_nothing_says_so(tmp_path):
    write_course(tmp_path, COURSE, ROSTER)
    (tmp_path / "list.csv").write_text('"identifier","github_username"\n"1",""\n')
    same = planned_roster(tmp_path, tmp_path / "list.csv")
    assert list(difference_lines(same))[-1] == "The roster holds all of it already."


def test_of_many_changed_cells_some_are_listed_and_the_others_counted(tmp_path):
    people = "".join(f"g{n},{n},P,p{n}@x.org,https://h.org/dl/{n}\n" for n in range(30))
    write_course(tmp_path, COURSE, f"group,member,name,email,repository\n{people}")
    rows = "".join(f"Q,{n},p{n}@x.org,g{n}\n" for n in range(30))
    (tmp_path / "list.csv").write_text(f"Full name,ID number,Email address,Groups\n{rows}")
    lines = list(difference_lines(planned_roster(tmp_path, tmp_path / "list.csv")))
    assert lines[1] == "0 people added, 0 removed, 0 moved, 30 cells change"
    assert lines[-1] == "  and 20 more"


def test_text_that_turns_a_terminal_round_is_not_printed(tmp_path):
    hostile = LIST.replace("Grace,2", "Gr\u202eace\x1b[2J,2")
    assert not {"\u202e", "\x1b"} & set("".join(difference_lines(planned(tmp_path, hostile))))
