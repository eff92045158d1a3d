"""`medmark data` as a person types it: what is printed, where a page may lie, and that nothing is written by a look."""

import pytest

from tests.assignments.data.finite_source import patients
from tests.assignments.data.scans_folder import write_folder
from tests.small_course import medmark


@pytest.fixture
def home(tmp_path):
    folder = write_folder(tmp_path, subjects=0)
    patients(tmp_path / "patients", 6, size=16)
    return folder


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_before_a_split_the_command_that_splits_is_said(home):
    output = medmark("data", home)
    assert output.code == 0
    assert "There is no split yet, so all subjects are shown." in output.out
    assert f"medmark data {home} --split" in output.out
    assert ["all", "6", "18", "-", "-", "-"] in [line.split() for line in output.out.splitlines()]


def test_a_look_writes_nothing_and_fits_80_columns(home):
    assert medmark("data", home, "--split").code == 0
    before = files(home.parent)
    output = medmark("data", home)
    assert files(home.parent) == before
    rows = [line.split()[:3] for line in output.out.splitlines()]
    assert ["training", "4", "12"] in rows
    assert ["hidden", "2", "6"] in rows
    tables = [line for line in output.out.splitlines() if "───" in line]
    assert len(tables) == 3
    assert max(map(len, tables)) <= 80


def test_a_page_is_written_beside_the_assignment_and_not_in_it(home, tmp_path):
    refused = medmark("data", home, "--page", home / "data.html")
    assert refused.code == 2
    assert "is in the folder of the assignment" in " ".join(refused.err.split())
    assert not (home / "data.html").exists()
    written = medmark("data", home, "--page", tmp_path / "data.html")
    assert written.code == 0
    assert written.out.splitlines()[-1] == str(tmp_path / "data.html")
    assert (tmp_path / "data.html").read_text().startswith("<!doctype html>")


def test_after_a_split_and_a_page_the_next_command_is_said(home, tmp_path):
    assert f"Next: medmark data {home} --page cases.html" in medmark("data", home, "--split").err.replace("\n  ", " ")
    page = medmark("data", home, "--page", tmp_path / "cases.html")
    assert f"Next: medmark rehearse {home}" in page.err.replace("\n  ", " ")


def test_what_leaves_is_listed_and_nothing_is_written(home):
    assert medmark("data", home, "--split").code == 0
    before = files(home.parent)
    output = medmark("data", home, "--leaves")
    assert output.code == 0
    assert 'share = "none": no case of scans.py leaves this machine.' in output.out
    assert files(home.parent) == before


def test_two_things_at_once_are_refused(home):
    output = medmark("data", home, "--split", "--leaves")
    assert (output.code, output.err) == (2, "--split and --leaves: type one of them at a time\n")


def test_all_that_is_wrong_with_a_folder_is_one_list(home):
    for name in ("P001", "P004"):
        (home.parent / "patients" / f"{name}.npz").write_bytes(b"cut off")
    output = medmark("data", home)
    assert output.code == 2
    assert "(2 problems)" in output.err
    assert "P001" in output.err
    assert "P004" in output.err
    assert "Traceback" not in output.err
