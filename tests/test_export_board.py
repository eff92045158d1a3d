"""`medmark export board` as a person types it: first it shows, then it writes a folder that anybody can verify."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.small_course import SOUND, TURNED, medmark, write_course

GROUPS = {"team-amber": SOUND, "team-beryl": TURNED, "team-coral": f"{SOUND}# mine\n", "team-dusk": ""}
PEOPLE = (
    "zcabc01,Ada Lovelace,ada@ucl.ac.uk,7001",
    "zcabc02,Grace Hopper,grace@ucl.ac.uk,7002",
    "zcabc03,Alan Turing,alan@ucl.ac.uk,7003",
    "zcabc04,Mary Cartwright,mary@ucl.ac.uk,",
)
TELLING = ("zcabc", "lovelace", "hopper", "turing", "cartwright", "ucl.ac.uk", "team-", "file://")
"""Names, ids, addresses and groups of the roster: no file of a pack without names may hold one of them."""


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with marks, one whose commit nobody has marked yet, and one without a candidate number or a commit."""
    folder = write_course(tmp_path_factory.mktemp("board") / "halves-2027", GROUPS, gone=("team-dusk",))
    rows = [
        f"{group},{person},{(folder / 'repositories' / group).resolve().as_uri()}"
        for group, person in zip(GROUPS, PEOPLE, strict=True)
    ]
    roster = ["group,member,name,email,candidate,repository", *rows, ""]
    (folder / "roster.csv").write_text("\n".join(roster), encoding="utf-8")
    medmark("collect", "halves", "-c", folder)
    for group in ("team-amber", "team-beryl"):
        medmark("grade", "halves", "-c", folder, "--only", group, "--yes", "--trust-submissions")
    return folder


@pytest.fixture(scope="module")
def pack(course: Path) -> Path:
    written = medmark("export", "board", "--out", course / "board-2027", "-c", course)
    assert written.code == 0, written.err
    assert "3 people, under candidate numbers alone" in written.out
    assert "2 of 3 have a module mark" in written.out
    assert "zcabc04 of group team-dusk has no row: no candidate number" in " ".join(written.out.split())
    return course / "board-2027"


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_of(data: bytes) -> dict[str, dict[str, str]]:
    """By candidate: the row of a table."""
    return {row["candidate"]: row for row in csv.DictReader(io.StringIO(data.decode("utf-8-sig")))}


def text_in(data: bytes) -> str:
    if data.startswith(b"PK"):
        archive = zipfile.ZipFile(io.BytesIO(data))
        data = b"\n".join(archive.read(name) for name in archive.namelist())
    return data.decode("utf-8", "replace").casefold()


def test_without_out_the_command_shows_and_writes_nothing(course: Path) -> None:
    before = sorted(path for path in course.rglob("*") if "ledger" not in path.name)
    shown = medmark("export", "board", "-c", course)
    assert shown.code == 0
    assert "2 of 3 have a module mark" in shown.out
    assert f"To write it: medmark export board -c {course} --out FOLDER" in shown.err
    assert sorted(path for path in course.rglob("*") if "ledger" not in path.name) == before


def test_the_pack_holds_every_table_and_an_explanation_a_candidate(pack: Path) -> None:
    assert set(files_in(pack)) - {"board.pdf"} == {
        "MANIFEST.json", "SHA256SUMS", "audit.html", "board.html", "board.xlsx", "explain/7001.txt", "explain/7002.txt",
        "explain/7003.txt", "marks.csv", "provenance.csv", "read-me.txt", "second-marking.csv", "statistics.csv",
        "trace.csv",
    }  # fmt: skip


def test_the_manifest_has_the_sha_256_of_every_other_file(pack: Path) -> None:
    files = files_in(pack)
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    manifest = json.loads(files["MANIFEST.json"])["files"]
    assert {path: file["sha256"] for path, file in manifest.items()} == {
        path: digest for path, digest in digests.items() if path not in ("MANIFEST.json", "SHA256SUMS")
    }
    sums = dict(line.split("  ")[::-1] for line in files["SHA256SUMS"].decode().splitlines())
    assert sums == {path: digest for path, digest in digests.items() if path != "SHA256SUMS"}


def test_no_file_tells_who_anybody_is(pack: Path) -> None:
    texts = {path: text_in(data) for path, data in files_in(pack).items() if not path.endswith(".pdf")}
    hits = [(path, word) for path, text in texts.items() for word in TELLING if word in text]
    assert hits == []


def test_a_withheld_mark_is_no_number_anywhere(pack: Path) -> None:
    row = rows_of((pack / "marks.csv").read_bytes())["7003"]
    assert (row["halves_percent"], row["halves_status"], row["module_percent"]) == ("", "withheld", "")
    assert row["module_no_mark_because"].startswith("halves: ")
    assert "module mark: none" in (pack / "explain/7003.txt").read_text("utf-8")
    statistics = (pack / "statistics.csv").read_text("utf-8-sig").splitlines()
    header, module = statistics[0].split(","), statistics[-1].split(",")
    assert dict(zip(header, module, strict=False))["people"] == "2"


def test_the_module_mark_of_one_assignment_is_its_mark(pack: Path) -> None:
    for number in ("7001", "7002"):
        row = rows_of((pack / "marks.csv").read_bytes())[number]
        assert row["halves_percent"]
        assert row["module_percent"] == row["halves_percent"]


def test_with_names_they_are_there_and_the_person_without_a_number_too(course: Path) -> None:
    out = course / "named"
    written = medmark("export", "board", "--out", out, "--names", "-c", course)
    assert "4 people, with names and ids" in written.out
    assert "Mary Cartwright" in (out / "marks.csv").read_text("utf-8-sig")
    assert (out / "explain/zcabc04.txt").is_file()


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed (openssh-client)")
def test_a_signed_pack_is_verified_with_the_signers_public_key(course: Path, tmp_path: Path) -> None:
    key, out = tmp_path / "chair", course / "signed"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    assert medmark("export", "board", "--out", out, "--sign", key, "-c", course).code == 0
    (tmp_path / "allowed").write_text(f'chair namespaces="medmark" {key.with_suffix(".pub").read_text()}')
    verify = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "allowed", "-I", "chair", "-n", "medmark"]
    verify += ["-s", out / "SHA256SUMS.sig"]
    sums = (out / "SHA256SUMS").read_bytes()
    assert subprocess.run(verify, input=sums, capture_output=True, check=False).returncode == 0
    forged = sums.replace(sums[:8], b"00000000")
    assert subprocess.run(verify, input=forged, capture_output=True, check=False).returncode != 0


def test_a_pack_moves_no_mark_and_is_no_event(course: Path, pack: Path) -> None:
    assert pack.is_dir()
    assert "board" not in medmark("decide", "halves", "-c", course).out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("board", "halves"), "ASSIGNMENT: the board's pack is about all assignments of the course"),
        (("board", "halves", "sheet.csv"), "ASSIGNMENT, SHEET: the board's pack"),
        (("board", "--column", "Mark"), "--column: the board's pack"),
        (("board", "--maximum", "75"), "--maximum: the board's pack"),
        (("board", "--members", "roster.csv"), "--members: the board's pack"),
        (("board", "--pdf"), "--pdf: the board's pack"),
        (("board", "--by", "prof"), "--by: the board's pack"),
        (("canvas", "halves", "--names"), "--names: this belongs to the board's pack"),
        (("canvas", "halves", "--sign", "key"), "--sign: this belongs to the board's pack"),
        (("bord",), 'FORMAT "bord": did you mean "board"?'),
        (("board", "--sign", "absent"), "--sign absent: there is no such file"),
        (("board", "--out", "roster.csv"), "roster.csv is not a folder"),
        (("board", "--out", "."), "is not part of a pack as medmark wrote it"),
    ],
)
def test_what_a_person_can_mend_ends_with_code_2_and_a_sentence(
    course: Path, words: tuple[str, ...], text: str
) -> None:
    refused = medmark("export", *words, cwd=course)
    assert refused.code == 2
    assert text in " ".join(refused.err.split())


def test_the_list_of_formats_ends_with_the_pack() -> None:
    assert medmark("export", "--list").out.splitlines()[-2] == "board"
