"""Two subjects whose DICOM headers name one patient may end up in two parts of a split: that is asked."""

from __future__ import annotations

import pytest

from assignments.data.folder.cases import CaseRow
from assignments.data.folder.dicom_headers import same_patients
from assignments.data.folder.propose import propose
from tests.assignments.data.folder.files import phantom, write_dicom_series, write_nifti

QUESTION = "subjects a, c have one PatientID in their DICOM headers: if they are one patient, write one name"


@pytest.fixture
def questions(tmp_path):
    """What is asked about a folder with a DICOM series for each subject, with these PatientIDs."""

    def of(**patients):
        for number, (subject, patient) in enumerate(patients.items()):
            write_dicom_series(tmp_path / subject, phantom((2, 4, 5)) + number, PatientID=patient)
        rows = [CaseRow(subject, subject, files={"image": subject}) for subject in patients]
        return list(same_patients(tmp_path, rows))

    return of


def test_one_patient_under_two_names_is_asked_about_and_the_id_is_not_repeated(questions):
    assert questions(a="1970-Smith", b="17", c="1970-Smith") == [QUESTION]


@pytest.mark.parametrize("patients", [{"a": "1", "b": "2", "c": "3"}, {"a": "", "b": "", "c": "1"}, {"a": "1"}])
def test_patients_with_ids_of_their_own_or_none_are_not_mentioned(questions, patients):
    assert questions(**patients) == []


def test_an_id_that_all_have_is_the_word_of_whoever_took_the_names_out(questions):
    assert questions(a="ANONYMOUS", b="ANONYMOUS", c="ANONYMOUS") == []


def test_other_files_are_not_opened(tmp_path):
    write_nifti(tmp_path / "a.nii.gz", phantom((2, 4, 5)))
    (tmp_path / "notes").write_text("no DICOM")
    rows = [CaseRow("a", "a", files={"image": "a.nii.gz"}), CaseRow("b", "b", files={"image": "notes"})]
    assert list(same_patients(tmp_path, rows)) == []


def test_a_proposal_asks_too(tmp_path):
    for subject, patient in {"case_1": "X", "case_2": "Y", "case_3": "X"}.items():
        write_dicom_series(tmp_path / subject, phantom((2, 4, 5)), PatientID=patient)
    assert any("have one PatientID" in question for question in propose(tmp_path).questions)
