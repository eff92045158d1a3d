"""What holds for every format that fills a platform's own sheet."""

import pytest

from assignments.errors import UserError
from reports.exports import EXPORTS
from reports.exports.export import ExportRules
from tests.reports.exports.cohort_made import ROSTER, cohort

FOREIGN = (
    b"",
    b"\x00\xff\xfe",
    b"{}",
    b"[1, 2]",
    b"name,mark\nm0,1\n",
    b"PK\x03\x04",
    "é,ü\r\n".encode("utf-16"),
    b'"an open quote,\n',
    b"\n\n\n",
)


@pytest.mark.parametrize("format", [name for name, export in EXPORTS.items() if export.sheet])
@pytest.mark.parametrize("number", range(len(FOREIGN)))
def test_a_file_that_is_not_the_platforms_is_refused_with_a_sentence(format, number):
    with pytest.raises(UserError) as refused:
        EXPORTS[format].fill(FOREIGN[number], cohort(), ROSTER, ExportRules())
    assert len(str(refused.value)) > 20
