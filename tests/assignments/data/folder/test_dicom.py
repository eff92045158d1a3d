"""What of a DICOM header may leave the hospital."""

import numpy as np
import pytest
from pydicom.datadict import dictionary_VR, keyword_dict

from assignments.data.folder.dicom import CODES, NUMBERS, burned_in, safe_header
from tests.assignments.data.folder.files import dicom_slice

SECRET = "DOE JANE 4711"


def test_only_numbers_of_the_acquisition_and_closed_codes_leave():
    dataset = dicom_slice(np.zeros((4, 5), np.int16), KVP="120", InstitutionName=SECRET, StudyDate="20250101")
    header = safe_header(dataset)
    assert header["KVP"] == "120"
    assert header["PixelSpacing"] == "2\\1"
    assert header["Modality"] == "CT"
    assert not {"PatientName", "PatientID", "PatientBirthDate", "InstitutionName", "StudyDate", "SeriesDescription",
                "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"} & header.keys()  # fmt: skip


def test_no_field_of_the_standard_lets_a_text_out():
    """Every field of DICOM's dictionary that holds words gets a name, and the name is nowhere in what leaves."""
    dataset = dicom_slice(np.zeros((4, 5), np.int16))
    words = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"}
    for keyword, tag in keyword_dict.items():
        if keyword and tag >> 16 > 2 and dictionary_VR(tag) in words:
            setattr(dataset, keyword, SECRET)
    header = safe_header(dataset)
    assert "DOE" not in str(header)
    assert "4711" not in str(header)


def test_private_fields_never_leave():
    dataset = dicom_slice(np.zeros((4, 5), np.int16))
    block = dataset.private_block(0x0009, "ACME", create=True)
    block.add_new(0x01, "LO", SECRET)
    dataset.add_new(0x00091002, "DS", "4711")
    assert "4711" not in str(safe_header(dataset))


@pytest.mark.parametrize(("keyword", "value"), [("Modality", "JANE"), ("BurnedInAnnotation", "MAYBE")])
def test_a_code_outside_its_list_does_not_leave(keyword, value):
    assert keyword not in safe_header(dicom_slice(np.zeros((4, 5), np.int16), **{keyword: value}))


def test_a_number_that_is_none_does_not_leave():
    assert "KVP" not in safe_header({"KVP": SECRET})
    assert "KVP" not in safe_header({"KVP": float("nan")})
    assert safe_header({"KVP": " 120 "}) == {"KVP": "120"}
    assert safe_header({"PixelSpacing": ["1", SECRET]}) == {}


def test_every_number_on_the_list_is_a_number_in_the_standard():
    numeric = {"DS", "IS", "US", "FD", "FL", "SS", "UL", "SL"}
    for keyword in NUMBERS:
        assert dictionary_VR(keyword) in numeric, keyword
    assert {dictionary_VR(keyword) for keyword in CODES} <= {"CS", "LO"}


@pytest.mark.parametrize(("value", "expected"), [("YES", True), ("NO", False), ("", None), (None, None)])
def test_burned_in_text_is_as_the_header_says(value, expected):
    assert burned_in(dicom_slice(np.zeros((4, 5), np.int16), BurnedInAnnotation=value)) is expected
