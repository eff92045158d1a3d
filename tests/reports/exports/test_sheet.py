"""A sheet keeps every byte but those of the cells that are set, and a row that is shifted is refused."""

import codecs
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignments.errors import UserError
from reports.exports.sheet import read_sheet

# Python's writer leaves a lone \r without quotes.
CELLS = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["", '"', '""', ",", ";", "\t", "a\nb", "a\r\nb", " x ", "=1", "Ünal, Ş.", "\u202eابت", "100.00"]
)


@st.composite
def files(draw):
    """A file as platforms write it: its bytes, its rows, its delimiter and its encoding."""
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=4))
    delimiter, ends = draw(st.sampled_from(",;\t")), draw(st.sampled_from(["\n", "\r\n"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    out = io.StringIO(newline="")
    header = [f"column {at}" for at in range(width)]
    csv.writer(out, delimiter=delimiter, lineterminator=ends, quoting=quoting).writerows([header, *rows])
    text = out.getvalue()
    mark, encoding = draw(
        st.sampled_from([(b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")])
    )
    last = draw(st.booleans())
    return mark + (text if last else text.removesuffix(ends)).encode(encoding), [header, *rows], delimiter, encoding


@given(files())
def test_the_cells_are_those_that_were_written(file):
    data, rows, delimiter, _ = file
    sheet = read_sheet("sheet.csv", data)
    assert sheet.delimiter == delimiter
    assert [[cell.text for cell in line.cells] for line in sheet.lines] == rows


@given(files())
def test_a_sheet_in_which_nothing_is_set_comes_back_byte_for_byte(file):
    assert read_sheet("sheet.csv", file[0]).with_cells({}) == file[0]


@given(files(), st.data())
def test_exactly_the_cells_that_are_set_differ(file, data):
    content, rows, *_ = file
    sheet = read_sheet("sheet.csv", content)
    at = [(row, column) for row in range(1, len(rows)) for column in range(len(rows[0]))]
    texts = data.draw(st.dictionaries(st.sampled_from(at), CELLS)) if at else {}
    new = sheet.with_cells(texts)
    again = read_sheet("sheet.csv", new)
    expected = [[texts.get((r, c), cell) for c, cell in enumerate(row)] for r, row in enumerate(rows)]
    assert [[cell.text for cell in line.cells] for line in again.lines] == expected
    back = again.with_cells({(r, c): rows[r][c] for r, c in texts})
    if all(sheet.lines[r].cells[c].quoted == again.lines[r].cells[c].quoted for r, c in texts):
        assert back == content


def test_what_php_leaves_behind_a_backslash_is_one_cell():
    """PHP writes the quote of a\\"b once, in a cell in quotes; it ends the cell for no reader that counts."""
    sheet = read_sheet("sheet.csv", b'Identifier,Grade,Comment\nParticipant 1,,"<p class=\\"x\\">good</p>"\n')
    assert sheet.lines[1].text(2) == '<p class=\\"x\\">good</p>'
    assert sheet.with_cells({(1, 1): "61.5"}).endswith(b'Participant 1,61.5,"<p class=\\"x\\">good</p>"\n')


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a,b\n1\n", "sheet.csv:2: this row has 1 cells, and the header has 2"),
        (b"a,b\n1,2,3\n", "sheet.csv:2: this row has 3 cells, and the header has 2"),
        (b'a,b\n"1\n2",x,y\n', "sheet.csv:2: this row has 3 cells"),
        (b'a,b\n1,"2\n', "sheet.csv:2: a quote is opened and not closed"),
        (b"a,b\nJos\xe9,2\n", "sheet.csv:2: is not text in utf-8"),
        (b"", "sheet.csv: is empty"),
        (b"\n\n", "sheet.csv: is empty"),
        (b"PK\x03\x04rest", "sheet.csv: is not a delimited text file"),
        (b"a\0b\n", "sheet.csv: is not a delimited text file"),
    ],
)
def test_a_file_in_which_a_mark_could_stand_wrong_is_refused_with_its_line(data, text):
    with pytest.raises(UserError, match="Download the sheet again") as error:
        read_sheet("sheet.csv", data)
    assert str(error.value).startswith(text)
