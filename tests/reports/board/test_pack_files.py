"""The files of a pack: all of them with their digests, equal for equal records, and quick for a large module."""

import hashlib
import io
import json
import shutil
import subprocess
import time

import openpyxl
import pytest
from pypdf import PdfReader

from reports.board import files as pack
from reports.board.files import MANIFEST, pack_files
from reports.board.read_me import SUMS
from reports.pdf import MISSING, NoPdfError
from tests.graders.course.two_assignments import write_course
from tests.reports.board.module_made import event, module
from tests.reports.pages import Page

TEAM, SOLO = "team-lovelace", "zcabc03"


def small(folder, **more):
    course = write_course(folder)
    events = [event("alpha", "moderation", "add 2", number=4), event(f"beta/{TEAM}/zcabc01", "cap", "50", number=9)]
    return module(course, {TEAM: "60", SOLO: None}, {TEAM: "61.25", SOLO: "70"}, events, **more)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return pack_files(small(tmp_path_factory.mktemp("course"))).files


def test_a_pack_is_these_files(files):
    assert set(files) == {
        "board.html", "board.pdf", "board.xlsx", "marks.csv", "statistics.csv", "second-marking.csv", "trace.csv",
        "provenance.csv", "read-me.txt", "audit.html", "explain/999.txt", "explain/1002.txt", "explain/1010.txt",
        MANIFEST, SUMS,
    }  # fmt: skip
    book = openpyxl.load_workbook(io.BytesIO(files["board.xlsx"]))
    assert book.sheetnames == ["marks", "statistics", "second marking", "trace", "provenance", "read-me"]


def test_every_file_is_in_the_sums_and_the_manifest_with_its_digest(files):
    sums = dict(reversed(line.split("  ", 1)) for line in files[SUMS].decode().splitlines())
    assert sums == {path: hashlib.sha256(data).hexdigest() for path, data in files.items() if path != SUMS}
    manifest = json.loads(files[MANIFEST])
    assert {path: each["sha256"] for path, each in manifest["files"].items()} == {
        path: digest for path, digest in sums.items() if path != MANIFEST
    }
    assert manifest["record"] == {"event": 9, "at": "2027-01-20T09:00:00.000+00:00"}
    assert (manifest["names"], manifest["people"], manifest["left_out"]) == (False, 3, 0)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_sha256sum_itself_accepts_the_files_and_sees_a_changed_one(files, tmp_path):
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    check = ["sha256sum", "-c", SUMS]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "marks.csv").write_bytes(files["marks.csv"].replace(b"61.3", b"81.3"))
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "marks.csv: FAILED" in done.stdout


def test_one_record_makes_one_pack_whenever_it_is_written(files, tmp_path, monkeypatch):
    monkeypatch.setattr("time.localtime", lambda *_: time.gmtime(2_000_000_000))
    again = pack_files(small(tmp_path)).files
    assert {path for path in files if files[path] != again[path]} == set()


def test_the_pdf_is_on_a4_across_with_the_marks_and_page_numbers(files):
    pages = PdfReader(io.BytesIO(files["board.pdf"])).pages
    assert {tuple(map(round, page.mediabox[2:])) for page in pages} == {(842, 595)}
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert f"1 / {len(pages)}" in text
    for words in ("Deep learning", "1002 62.0 2:1 50.0 2:2 54.8 Lower second class yes", "999 incomplete"):
        assert words in text


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (pack.UserError(MISSING.format(what="is not installed")), "pip install 'medmark[pdf]'"),
        (NoPdfError("ValueError: x"), "WeasyPrint failed (ValueError: x). Print board.html from a browser instead."),
    ],
)
def test_without_a_pdf_everything_else_is_there_and_a_line_says_what_to_do(tmp_path, monkeypatch, error, line):
    def failing(_):
        raise error

    monkeypatch.setattr(pack, "as_pdf", failing)
    made = pack_files(small(tmp_path))
    assert "board.pdf" not in made.files
    assert b'board.pdf"' not in made.files[MANIFEST]
    assert line in made.no_pdf


def test_the_explanation_of_the_module_mark_can_be_followed_with_a_pocket_calculator(files):
    text = " ".join(files["explain/1002.txt"].decode().split())
    # alpha: 60 and 2 of the moderation; beta: 61.25, capped at 50.
    assert "alpha (weight 40, 40 % of the module): 62 % before the rounding, 62.0 % on the sheet" in text
    assert "module mark: 0.4 x 62 + 0.6 x 50 = 54.8 % rounded once, half up: 54.8 %" in text
    assert "cap: 61.25 % to 50 %" in text
    missing = " ".join(files["explain/999.txt"].decode().split())
    assert "alpha (weight 40, 40 % of the module): no mark: people have still to settle report" in missing
    assert "module mark: none, since a part has no mark" in missing


def test_no_line_of_an_explanation_is_wider_than_80_columns(files):
    for path, data in files.items():
        if path.startswith("explain/"):
            assert max(map(len, data.decode().splitlines())) <= 80


def test_people_without_a_row_are_counted_and_not_named(tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "as_pdf", lambda _: b"")
    course = write_course(tmp_path, roster=ROSTER_WITHOUT_ONE)
    made = pack_files(module(course, {TEAM: "60", SOLO: "70"}, {TEAM: "60", SOLO: "70"})).files
    assert "explain/1002.txt" not in made
    assert "1 person of the roster has no row" in Page(made["board.html"].decode()).text
    assert "1 person of the roster has no row" in made["read-me.txt"].decode()


ROSTER_WITHOUT_ONE = """\
group,member,name,email,repository,candidate
team-lovelace,zcabc01,Ada Lovelace,ada@ucl.ac.uk,https://github.com/lovelace/unet.git,
team-lovelace,zcabc02,Grace Hopper,g.hopper@ucl.ac.uk,,1010
zcabc03,zcabc03,Lior,lior@ucl.ac.uk,https://github.com/lior/unet.git,999
"""


def large(folder, people=500):
    """A module of groups of four, with a moderation, and a peer factor for every tenth person."""
    lines = ["group,member,name,email,repository,candidate"]
    for n in range(people):
        group = f"g{n // 4:03}"
        lines.append(f"{group},m{n:04},Person {n},p{n}@ucl.ac.uk,https://github.com/org/{group}.git,{90000 + n}")
    course = write_course(folder, roster="\n".join(lines) + "\n")
    events = [event("alpha", "moderation", "add 2", number=1)]
    for n in range(0, people, 10):
        events.append(event(f"beta/g{n // 4:03}/m{n:04}", "peer_factor", "1.05", number=n + 2))
    marks = {group.name: str(40 + n % 50) for n, group in enumerate(course.groups)}
    return module(course, marks, marks, events)


def test_500_people_take_a_few_seconds_without_the_pdf(tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "as_pdf", lambda _: b"")
    of = large(tmp_path)
    began = time.process_time()
    files = pack_files(of).files
    assert time.process_time() - began < 10
    assert len([path for path in files if path.startswith("explain/")]) == 500
    assert len(files["board.html"]) < 2_000_000
