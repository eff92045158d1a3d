"""What a person reads of an export: everything once, and what has to be done first."""

from __future__ import annotations

from reports.export_lines import export_lines, format_lines, upload_lines
from reports.exports import EXPORTS
from reports.exports.export import Export, Filled, RowLine, RowOutcome

LINES = (
    RowLine(RowOutcome.WRITTEN, "ada", 2, "63.3"),
    RowLine(RowOutcome.WRITTEN, "grace", 3, "70.0"),
    RowLine(RowOutcome.BY_HAND, "jose", 4, "0.0", "Moodle takes a 0 in a file for no grade"),
    RowLine(RowOutcome.MISSING, "mary", None, "55.0"),
)


def test_a_row_that_needs_a_person_comes_first() -> None:
    assert list(export_lines(Filled(b"", LINES, ("Marks are scaled to 75.",)), {})) == [
        "Marks are scaled to 75.",
        "4 rows: 1 to type by hand, 1 not in the sheet, 2 to write",
        "  line 4: jose 0.0 type it by hand: Moodle takes a 0 in a file for no grade",
        "  mary 55.0 is not in the sheet",
        "  line 2: ada 63.3 will be written",
        "  line 3: grace 70.0 will be written",
    ]


def test_a_row_whose_mark_was_exported_before_is_counted_and_not_listed() -> None:
    assert list(export_lines(Filled(b"", LINES), {"ada": "63.3", "grace": "69.0", "jose": "0.0"})) == [
        "4 rows: 1 to type by hand, 1 not in the sheet, 2 to write",
        "  line 4: jose 0.0 type it by hand: Moodle takes a 0 in a file for no grade",
        "  mary 55.0 is not in the sheet",
        "  line 3: grace 70.0 will be written",
        "1 row as exported before: not listed",
    ]


def test_a_file_without_rows_says_so() -> None:
    assert list(export_lines(Filled(b"", ()), {})) == ["The file holds no rows."]


def fill_nothing(*_: object) -> Filled:
    return Filled(b"", ())


FORMATS = {
    "sheet": Export("A sheet", fill_nothing, ".csv", "its source", "Download it", "Upload it in the gradebook"),
    "files": Export(
        "Feedback files", fill_nothing, ".zip", "its source", "Download it", "Upload it as files", first="sheet"
    ),
}


def test_the_order_of_uploads_and_the_command_of_the_return_stand_last() -> None:
    assert list(upload_lines("sheet", FORMATS, "mlp", " -c module")) == [
        "1. Upload it in the gradebook.",
        "2. Then feedback files: medmark export files mlp SHEET -c module --out FILE",
        "When the students may have their marks: medmark return mlp -c module",
    ]
    assert list(upload_lines("files", FORMATS, "mlp", "")) == [
        "1. First upload the file of sheet: medmark export sheet mlp SHEET --out FILE",
        "2. Upload it as files.",
        "When the students may have their marks: medmark return mlp",
    ]


def test_every_format_says_by_what_its_rules_are_known_and_where_its_sheet_comes_from() -> None:
    made_without = Export("A table", fill_nothing, ".csv", "documents alone")
    assert list(format_lines({"sheet": FORMATS["sheet"], "table": made_without})) == [
        "sheet",
        "  A sheet. Rules: its source.",
        "  SHEET: Download it.",
        "table",
        "  A table. Rules: documents alone.",
        "board",
        "  A folder for a board of examiners, about all assignments of the course.",
    ]
    assert all(export.evidence for export in EXPORTS.values())
