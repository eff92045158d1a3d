"""One reader for every CSV that a person gives us, as spreadsheets of the world write them."""

from __future__ import annotations

import csv
import io

import pytest

from assignments.tables import guarded, read_table

ROWS = [{"member": "s1", "name": "Zoë O'Brien"}, {"member": "s2", "name": "Lovelace, Ada"}]
PLAIN = 'member,name\ns1,Zoë O\'Brien\ns2,"Lovelace, Ada"\n'


def table(tmp_path, content):
    path = tmp_path / "people.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path)


def rows(tmp_path, content):
    read, problems = table(tmp_path, content)
    assert problems == []
    return [dict(row.cells) for row in read.rows]


def problems_of(tmp_path, content):
    read, problems = table(tmp_path, content)
    assert read is None
    return [str(problem).replace(f"{tmp_path}/", "") for problem in problems]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-32"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.removesuffix("\n"),
        "sep=,\n" + PLAIN,
        "\n\n" + PLAIN.replace("\n", "\n\n"),
        'member;name\ns1;Zoë O\'Brien\ns2;Lovelace, Ada\n',
        'member\tname\ns1\tZoë O\'Brien\ns2\tLovelace, Ada\n',
        'sep=;\r\nmember;name\r\ns1;Zoë O\'Brien\r\ns2;Lovelace, Ada\r\n',
        'SEP=|\nmember|name\ns1|Zoë O\'Brien\ns2|Lovelace, Ada\n',
        '"sep=;"\nmember;name\ns1;Zoë O\'Brien\ns2;Lovelace, Ada\n',
        'member, name\ns1, Zoë O\'Brien\ns2, "Lovelace, Ada"\n',
        'member,name,,\ns1,Zoë O\'Brien,,\ns2,"Lovelace, Ada",,\n,,,\n',
        ',member,,name\n,s1,,Zoë O\'Brien\n,s2,,"Lovelace, Ada"\n',
        'Member,NAME\n="s1",Zoë O\'Brien\n"=""s2""","Lovelace, Ada"\n',
    ],
    ids=lambda content: repr(content)[:30],
)  # fmt: skip
def test_what_spreadsheets_write_is_one_table(tmp_path, content):
    assert rows(tmp_path, content) == ROWS


def test_a_heading_keeps_how_it_is_written_and_is_found_without_regard_to_case(tmp_path):
    read, _ = table(tmp_path, "Email  Address,Año\nx,y\n")
    assert dict(read.headings) == {"email address": "Email Address", "año": "Año"}


def test_a_heading_with_the_separator_in_quotes_does_not_choose_it(tmp_path):
    assert rows(tmp_path, '"a;b;c;d",e\n1,2\n') == [{"a;b;c;d": "1", "e": "2"}]


def test_cells_that_excel_leaves_out_at_the_end_of_a_row_are_empty(tmp_path):
    assert rows(tmp_path, "a,b,c\n1,2\n3\n") == [{"a": "1", "b": "2", "c": ""}, {"a": "3", "b": "", "c": ""}]


def test_a_row_is_named_by_the_line_on_which_it_begins(tmp_path):
    read, _ = table(tmp_path, 'sep=,\na,b\n1,"two\nlines"\n\n3,4,5\n')
    assert [row.line for row in read.rows] == [3, 6]
    assert read.line == 2
    assert str(read.rows[1].problem).endswith(
        "people.csv:6: has 3 cells under 2 columns; put quotes around cells with commas"
    )


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "people.csv: is empty"),
        (",,\n\n", "people.csv: is empty"),
        ("a,b,A\n1,2,3\n", "people.csv:1 A: columns 1 and 3 both have this name; rename or remove one of them"),
        (",a\n0,x\n", 'people.csv:1: column 1 has no name, but holds "0" on line 2; name the column, or delete it'),
        ('a,b\n1,"two\n3,4\n', "people.csv:2: is not CSV"),
        ('a,b\n1,"t"wo\n', "people.csv:2: is not CSV"),
        (
            PLAIN.encode("cp1252"),
            "people.csv: is not UTF-8: byte 0xeb on line 2; perhaps it is Windows-1252, where this cell reads "
            '"Zoë O\'Brien"; save it as "CSV UTF-8"',
        ),
        (b"a,b\n\x81,2\n", 'people.csv: is not UTF-8: byte 0x81 on line 2; save it as "CSV UTF-8"'),
        (PLAIN.encode("utf-16-le"), "people.csv: is not"),
        (b"PK\x03\x04\x00\x00", "people.csv: is not a text file"),
        (b"\xff\xfea", "people.csv: begins with the byte order mark of utf-16 but is not utf-16"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_where(tmp_path, content, what):
    (line,) = problems_of(tmp_path, content)
    assert line.startswith(what)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    assert str(read_table(tmp_path / "none.csv")[1][0]).endswith("none.csv: is missing")
    assert "cannot be read (Is a directory)" in str(read_table(tmp_path)[1][0])


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('="0012"', "0012"),  # a formula that makes Excel keep the zeros
        ('he set lr="0.1" and n="3"', 'he set lr="0.1" and n="3"'),
        ('="0012" is hers', '="0012" is hers'),
        ("'-3", "-3"),  # how a mark sheet guards a cell
        ("'tis", "'tis"),
    ],
)
def test_only_a_cell_that_is_a_guarded_text_as_a_whole_is_unpacked(tmp_path, cell, text):
    path = tmp_path / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["member", "reason"], ["s1", cell]])
    table, _ = read_table(path)
    assert table.rows[0].cells["reason"] == text


@pytest.mark.parametrize(
    "cell", ["=1", "+44 20", "-1,+2", "@x", "a; =b", "'=x", "''=x", "O'Brien", "\uff1d1", "a,'b", "1-2"]
)
def test_a_guarded_cell_runs_nowhere_and_is_read_as_it_was(tmp_path, cell):
    out = io.StringIO()
    csv.writer(out).writerows([["name", "more"], [guarded(cell), "x"]])
    (row,) = rows(tmp_path, out.getvalue())
    assert row["name"] == cell
    for separator in ",;|":
        for part in guarded(cell).split(separator):
            assert part.strip()[:1] not in tuple("=+-@\uff1d")
