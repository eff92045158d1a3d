"""What a student wrote cannot act on a terminal, and the table fits one."""

import io
import unicodedata

import pytest
from rich.cells import cell_len
from rich.console import Console

from graders.intake.submission import Submission
from reports.table import marks_table, why_not_marked
from reports.terminal import fitted, one_line, terminal_text, wrapped
from tests.reports.hand_made import CHECKS, accuracy, check, mark, not_submitted, person
from tests.reports.hostile import HOSTILE


def printed(marks, *, colour=False, **more):
    out = io.StringIO()
    Console(file=out, width=80, force_terminal=colour, legacy_windows=False).print(marks_table(marks, **more))
    return out.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_control_and_no_direction_reaches_the_terminal(text):
    kept = terminal_text(text)
    assert [c for c in kept if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")] == []
    assert not set(kept) & set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")


def test_text_that_does_nothing_is_kept():
    assert terminal_text("Zoë Müller 東京 [a] 100 %") == "Zoë Müller 東京 [a] 100 %"


def test_letters_of_no_width_are_gone():
    assert terminal_text("a\u200bb\u200cc\u200dd\u00ade\ufe0ff\U000e0101g\u3164") == "abcdefg"


def test_a_file_keeps_the_joiners_that_names_need():
    assert one_line("علی\u200cرضا\tක්\u200dෂ\u202e") == "علی\u200cرضا ක්\u200dෂ"


@pytest.mark.parametrize("text", ["Ada", "王小明", "Zoe\u0308", "नीलिमा", "a" * 40, "東京" * 10, ""])
def test_a_text_is_fitted_to_columns_of_the_terminal_and_not_to_letters(text):
    assert cell_len(fitted(text, 12)) == 12


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_line_is_broken_where_the_terminal_ends_and_wide_letters_take_two_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert wrapped("東京 大阪 京都 神戸 名古屋", Terminal(), "  ").split("\n") == ["東京 大阪 京都 神戸", "  名古屋"]
    assert wrapped("  one two three four five", Terminal(), "  ").split("\n") == ["  one two three four", "    five"]
    assert wrapped("see /a/path/that/is/longer/than/the/line", Terminal()) == (
        "see\n  /a/path/that/is/longer/than/the/line"
    )


def test_a_file_gets_a_line_whole(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert wrapped("one two three four five six", io.StringIO()) == "one two three four five six"


def test_lines_become_one():
    assert terminal_text("a\r\nb\tc") == "a b c"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_of_hostile_groups_is_plain(text):
    out = printed([mark(text)], title=text)
    assert "\x1b" not in out
    assert "\x9b" not in out
    assert max(len(line) for line in out.splitlines()) <= 80


def test_rich_markup_in_a_name_is_text():
    assert "[bold]x[/bold]" in printed([mark("[bold]x[/bold]")])


def test_the_table_fits_80_columns_whatever_happened():
    marks = [
        mark("a-very-long-name-of-a-group-indeed"),
        mark("b", person=person()),
        mark("c", checks=(*CHECKS, check("z", "A line", None, 1)), accuracy=accuracy(None, None, None)),
        not_submitted("d"),
    ]
    lines = printed(marks).splitlines()
    assert max(len(line) for line in lines) <= 80
    body = "\n".join(lines)
    assert "3/5" in body
    assert "0.742 [0.711, 0.773]" in body
    assert "68.4 / 100" in body
    assert "47.4 / 70  in part" in body
    assert "withheld" in body
    assert "not submitted" in body
    assert "3/6 (1?)" in body


def test_where_a_person_must_choose_a_commit_the_command_is_said():
    handed_in = Submission("g", (), "", None, None, None, "", state="waits for a person", reason="the host was down")
    nothing = mark("g")
    why, command = why_not_marked([nothing], [handed_in])
    assert why == "g: waits for a person: the host was down"
    choice = f"medmark decide {nothing.assignment} late_commit COMMIT --for GROUP --reason TEXT"
    assert command == f"To choose which commit counts: {choice}"
