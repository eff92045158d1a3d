"""The tables of a board's pack: each number worked by hand, and never a number where there is no mark."""

import io
from decimal import Decimal
from fractions import Fraction

import openpyxl
import pandas
import pytest

from graders.marks.mark import Status
from reports.board.files import pack_files
from reports.board.missing import NOT_COLLECTED
from reports.board.page import board_page
from reports.board.statistics import second_marking_table, statistics_table
from reports.board.tables import marks_table, provenance_table, trace_table
from reports.cohort import counts_by_mark
from tests.graders.course.two_assignments import ROSTER, write_course
from tests.reports.board.module_made import (
    COMMIT,
    assignment,
    event,
    module,
    not_submitted,
    withheld,
)
from tests.reports.pages import Page

TEAM, SOLO = "team-lovelace", "zcabc03"
GRACE = f"{TEAM}/zcabc02"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return write_course(tmp_path_factory.mktemp("course"))


def rows(table):
    """By candidate: the cells that are not empty."""
    return {
        row["candidate"]: {name: value for name, value in row.items() if value is not None and name != "candidate"}
        for row in table.to_dict("records")
    }


def marks(pack):
    return rows(marks_table(pack))


def both(points, **of_beta):
    """Marks of both groups in one assignment."""
    return {TEAM: points, SOLO: "70"} | of_beta


def test_the_module_mark_is_the_weighted_mean_of_the_exact_marks_rounded_once(course):
    """0.4 x 61.25 + 0.6 x 66 2/3 = 24.5 + 40 = 64.5; by the rounded marks, 61.3 and 66.7, it would be 64.54."""
    row = marks(module(course, both("61.25"), both(Fraction(200, 3))))["1002"]
    assert row == {
        "alpha_percent": Decimal("61.3"), "alpha_class": "Upper second class",
        "beta_percent": Decimal("66.7"), "beta_class": "Upper second class",
        "module_percent": Decimal("64.5"), "module_pass_mark": 40, "module_class": "Upper second class",
        "module_passed": "yes",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("alpha", "beta", "percent", "of_class"),
    [
        ("69.875", "70", "70.0", "First class"),  # 27.95 + 42 = 69.95: a half goes up, and with it the class
        ("69.75", "70", "69.9", "Upper second class"),  # 27.9 + 42
        ("39.875", "40", "40.0", "Third class"),  # 39.95
        ("39.75", "40", "39.9", "Fail"),
    ],
)
def test_a_class_follows_from_the_rounded_module_mark(course, alpha, beta, percent, of_class):
    row = marks(module(course, both(alpha), both(beta)))["1002"]
    assert (row["module_percent"], row["module_class"]) == (Decimal(percent), of_class)


def test_a_course_that_rounds_to_a_whole_rounds_the_module_mark_so(tmp_path):
    whole = write_course(tmp_path, extra='round = "1"')
    row = marks(module(whole, both("59.4"), both("59.5")))["1002"]
    # 23.76 + 35.7 = 59.46, although 59 and 60 stand on the sheet.
    assert [row[f"{of}_percent"] for of in ("alpha", "beta", "module")] == [59, 60, 59]


def test_people_of_one_group_are_classed_by_their_own_pass_marks(course):
    of_all = marks(module(course, both("45"), both("45")))
    assert [of_all[who]["module_class"] for who in ("1002", "1010")] == ["Third class", "Fail"]
    assert [of_all[who]["module_passed"] for who in ("1002", "1010")] == ["yes", "no"]
    assert [of_all[who]["module_pass_mark"] for who in ("1002", "1010")] == [40, 50]


def test_parts_of_two_levels_have_no_common_class_and_the_row_says_why(course):
    """Whoever has a pass mark of their own in the roster has one in both parts."""
    of_all = marks(module(course, both("60"), both("60"), levels=(6, 7)))
    assert of_all["1002"]["module_percent"] == Decimal("60.0")
    assert "module_class" not in of_all["1002"]
    assert "module_passed" not in of_all["1002"]
    assert of_all["1002"]["notes"].startswith("no class: the parts have different pass marks (40 % and 50 %)")
    assert of_all["1010"]["module_class"] == "Merit"


NO_MARK = {
    "incomplete": (None, (), "people have still to settle report; what is marked so far is not a mark"),
    "withheld": (withheld("beta", TEAM), (), "the marking system failed, not the work: grade again"),
    "not submitted": (not_submitted("beta", TEAM), (), "nothing was handed in; no rule of course.toml makes that a 0"),
    "deferred": ("60", ("deferred",), "deferred by event 9; the mark is still to come, from a later sitting"),
    "absent": ("60", ("absent",), "absent by event 9; course.toml has no rule that makes absence a 0"),
    "excused": ("60", ("excused",), "excused by event 9; course.toml has no rule that moves its weight"),
    "held": ("60", ("held",), "held by event 9; there is none for now"),
}


@pytest.mark.parametrize("status", NO_MARK)
def test_without_a_mark_there_is_no_number_no_module_mark_and_a_reason(course, status):
    beta, kinds, why = NO_MARK[status]
    events = [event(f"beta/{GRACE}", kind, number=9, reason="canary") for kind in kinds]
    row = marks(module(course, both("60"), both(beta), events))["1010"]
    assert row["beta_status"] == status
    assert row["module_no_mark_because"].startswith(f"beta: {why}")
    assert row["alpha_percent"] == Decimal("60.0")
    assert not {"beta_percent", "beta_class", "module_percent", "module_class", "module_passed"} & row.keys()
    assert "canary" not in str(row)


def test_each_status_that_is_not_a_mark_is_tried_above():
    assert {status.replace(" ", "_") for status in NO_MARK} == {str(each) for each in Status} - {"marked"}


def test_where_nobody_has_looked_for_commits_nobody_failed_to_hand_in(course):
    none = {TEAM: not_submitted("beta", TEAM), SOLO: not_submitted("beta", SOLO)}
    row = marks(module(course, both("60"), none, collected=(True, False)))["1002"]
    assert row["beta_status"] == NOT_COLLECTED
    assert row["module_no_mark_because"] == "beta: no collection has looked for commits yet"


def test_a_commit_that_is_open_and_a_mark_that_was_never_computed_have_reasons_of_their_own(course):
    waits = {"state": "waits for a person", "commit": None}
    pack = module(course, both("60"), both(withheld("beta", TEAM)), beta={"submissions": {TEAM: waits}})
    assert "it is open which commit counts (waits for a person)" in marks(pack)["1002"]["module_no_mark_because"]
    broken = [event(f"alpha/{GRACE}", "override", "much", number=3)]
    because = marks(module(course, both("60"), both("60"), broken))["1010"]["module_no_mark_because"]
    assert because.startswith("alpha: A decision about this mark cannot be read")


def test_the_trace_has_each_step_with_its_event_and_no_private_reason(course):
    events = [
        event("alpha", "moderation", "multiply 1.1", number=1, reason="a hard paper"),
        event(f"alpha/{GRACE}", "peer_factor", "0.9", number=2, reason="canary"),
        event(f"alpha/{GRACE}", "cap", "50", number=3, reason="canary"),
        event(f"alpha/{GRACE}", "dispute", "canary", number=4, reason="canary"),
    ]
    lines = trace_table(module(course, both("60"), both("60"), events))
    of_grace = lines[(lines["candidate"] == "1010") & (lines["assignment"] == "alpha")]
    assert of_grace[["step", "before_percent", "after_percent", "event"]].to_numpy(dtype=object).tolist() == [
        ["moderation", 60, 66, 1],
        ["peer_factor", 66, Decimal("59.4"), 2],
        ["cap", Decimal("59.4"), 50, 3],
        ["dispute", None, None, None],
    ]
    assert of_grace["why"].tolist() == [
        "event 1, moderation by prof on 2027-01-20: a hard paper",
        "event 2, peer_factor by prof on 2027-01-20",
        "event 3, cap by prof on 2027-01-20",
        "event 4, dispute by prof on 2027-01-20",
    ]
    assert "canary" not in lines.to_csv()


RUBRIC = {
    "criterion": [
        {
            "id": "report", "kind": "person", "points": 100,
            "lines": [
                {"id": "method", "title": "Method", "points": 60},
                {"id": "prose", "title": "Prose", "points": 40},
            ],
        }
    ]
}  # fmt: skip


def doubly_marked(course, second=("50", "30"), agreed=()):
    """Marks of two markers on the report of one group: 52 and 32 by ann, others by ben."""
    of = assignment("alpha", **RUBRIC)
    given = [("first method", "52", "ann"), ("first prose", "32", "ann")]
    given += [("second method", second[0], "ben"), ("second prose", second[1], "ben"), *agreed]
    events = [
        event(
            f"alpha/{TEAM}",
            "line_mark",
            f"{what.replace(' ', ' report/')}={points}",
            number=n,
            who=who,
            reason="canary",
        )
        for n, (what, points, who) in enumerate(given, 1)
    ]
    return module(course, both("84"), both("60"), events, alpha={"of": of})


def test_two_markers_of_a_part_stand_in_the_trace_with_what_each_gave(course):
    lines = trace_table(doubly_marked(course))
    line = lines[(lines["candidate"] == "1002") & (lines["step"] == "line_mark")].iloc[0]
    assert line["what"] == "report: 84 of 100; first marker ann 84, second marker ben 80"
    assert "canary" not in lines.to_csv()
    agreed = trace_table(
        doubly_marked(course, ("30", "20"), [("agreed method", "40", "ann"), ("agreed prose", "25", "ann")])
    )
    line = agreed[(agreed["candidate"] == "1002") & (agreed["step"] == "line_mark")].iloc[0]
    assert line["what"] == "report: 65 of 100; first marker ann 84, second marker ben 50, agreed marks ann 65"


def test_the_agreement_of_two_markers_is_counted_by_papers(course):
    table = second_marking_table(doubly_marked(course)).to_dict("records")
    assert [(row["of"], row["papers"], row["mean_difference"]) for row in table] == [
        ("sum", 1, -4), ("Method", 1, -2), ("Prose", 1, -2),
    ]  # fmt: skip
    assert second_marking_table(module(course, both("60"), both("60"))).empty


def test_statistics_are_of_the_rows_and_of_marks_alone(course):
    """Alpha has 60, 60 and 70; beta has 50, 50 and nothing; the module has 0.4 x 60 + 0.6 x 50 = 54, twice."""
    table = statistics_table(module(course, both("60"), {TEAM: "50", SOLO: None}))
    of = {row["of"]: row for row in table.to_dict("records") if row["part"] == "mark"}
    assert [of["alpha"][name] for name in ("people", "mean", "sd", "q1", "median", "q3")] == [
        3, 63.33, 5.77, 60, 60, 65,
    ]  # fmt: skip
    assert [of["beta"][name] for name in ("people", "mean", "no_mark", "no_mark_because")] == [2, 50, 1, "1 incomplete"]
    assert [of["module"][name] for name in ("people", "mean", "sd", "no_mark")] == [2, 54, 0, 1]
    assert [of["module"][name] for name in ("Fail", "Lower second class", "Pass")] == [0, 1, 1]
    assert [of["alpha"][f"from_{n}0" if n else "from_0"] for n in range(10)] == [0, 0, 0, 0, 0, 0, 2, 1, 0, 0]
    assert [of[id]["share_percent"] for id in ("alpha", "beta", "module")] == [40, 60, 100]


def test_a_mark_falls_into_its_ten_and_100_into_the_last():
    assert counts_by_mark(map(Decimal, ("0", "9.9", "10.0", "39.9", "40", "99.9", "100")), 10) == [
        2,
        1,
        0,
        1,
        1,
        0,
        0,
        0,
        0,
        2,
    ]


def test_who_has_no_row_is_in_no_statistics(tmp_path):
    two = write_course(tmp_path, roster=ROSTER.replace(",,1002", ",,"))
    table = statistics_table(module(two, both("60"), both("60")))
    assert table.iloc[0]["people"] == 2
    assert list(marks(module(two, both("60"), both("60")))) == ["999", "1010"]


def test_provenance_has_commit_digests_image_and_fingerprint_of_each_mark(course):
    table = provenance_table(module(course, both("60"), both(not_submitted("beta", TEAM))))
    row = table[(table["candidate"] == "1010") & (table["assignment"] == "alpha")].iloc[0]
    assert row["work_of"] == "1002, 1010"
    digests = ("commit", "image_digest", "assignment_digest", "data_digest", "secret_fingerprint")
    assert [row[name] for name in digests] == [COMMIT, "sha256:0b1d", "sha256:8a52", "sha256:51f0", "00aa11bb"]
    assert (row["isolated"], row["medmark"], row["scored_with"]) == ("yes", "0.1.0", "numpy 2.3.1")
    assert "repository" not in table.columns
    missing = table[(table["candidate"] == "1010") & (table["assignment"] == "beta")].iloc[0]
    assert missing["commit"] is None


HOSTILE_ROSTER = '''\
group,member,name,email,repository,candidate
g1,=1+1,"=HYPERLINK(""http://192.0.2.1"",""x"")",a@b.ac.uk,https://a.org/b/c,+7
g2,@SUM(1),"ליאור ""בן, כהן""",b@b.ac.uk,https://a.org/b/d,-8
'''


@pytest.fixture
def hostile(tmp_path):
    of = write_course(tmp_path, roster=HOSTILE_ROSTER)
    return module(of, {"g1": "60", "g2": "61"}, {"g1": "60", "g2": "61"}, names=True)


def test_no_cell_is_a_formula(hostile):
    files = pack_files(hostile).files
    table = pandas.read_csv(io.BytesIO(files["marks.csv"]), dtype=str)
    assert table["candidate"].tolist() == ["'+7", "'-8"]
    assert table["name"].tolist()[0].startswith("'=HYPERLINK")
    for sheet in openpyxl.load_workbook(io.BytesIO(files["board.xlsx"])):
        for cell in (cell for row in sheet.iter_rows() for cell in row):
            assert cell.data_type != "f"


def test_names_in_any_script_with_commas_and_quotes_shift_no_column(hostile):
    files = pack_files(hostile).files
    table = pandas.read_csv(io.BytesIO(files["marks.csv"]), dtype=str)
    assert table["name"].tolist()[1] == 'ליאור "בן, כהן"'
    assert table["module_percent"].tolist() == ["60", "61"]
    book = openpyxl.load_workbook(io.BytesIO(files["board.xlsx"]))
    header, *lines = book["marks"].iter_rows(values_only=True)
    assert dict(zip(header, lines[1], strict=True))["name"] == 'ליאור "בן, כהן"'


def test_on_the_page_what_people_are_called_is_text(hostile):
    page = Page(board_page(hostile))
    assert page.acting() == []
    assert "script" not in page.tags
    assert 'ליאור "בן, כהן"' in page.text
