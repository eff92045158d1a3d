"""What a DICOM header says."""

import numpy as np
import pytest

from assignments.data.folder.dicom import burned_in
from tests.assignments.data.folder.files import dicom_slice


@pytest.mark.parametrize(("value", "expected"), [("YES", True), ("NO", False), ("", None), (None, None)])
def test_burned_in_text_is_as_the_header_says(value, expected):
    assert burned_in(dicom_slice(np.zeros((4, 5), np.int16), BurnedInAnnotation=value)) is expected
