"""The pack on disk: from a real record into a folder that is whole or untouched, signed if a key is named."""

import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from assignments.errors import UserError
from graders.course.course import load_course
from graders.marks.differences import NotApplied
from graders.record.ledger import Event, Ledger
from graders.runs.marking import applied, collected, proposed, recorded
from reports.board import export, files
from reports.board.export import export_board
from reports.board.files import MANIFEST
from reports.board.lines import pack_lines
from reports.board.read_me import ALLOWED, CHECK_SUMS, SUMS, VERIFY
from reports.write import report_results
from tests.small_course import ASSIGNMENT, SOUND, write_course

ROSTER = """\
group,member,name,email,repository,candidate
sound,m0,Ada Lovelace,ada@example.org,{repository},1001
sound,m1,Grace Hopper,grace@example.org,,1002
sound,m2,Alan Turing,alan@example.org,,
"""
keyed = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed (openssh-client)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two assignments: the first is collected and has marks by decisions, at the second nobody has looked yet."""
    folder = write_course(tmp_path_factory.mktemp("c") / "course", {"sound": SOUND})
    for name, text in ASSIGNMENT.items():
        path = folder / "thirds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace('id = "halves"', 'id = "thirds"'), encoding="utf-8")
    deadline = (datetime.now() + timedelta(days=9)).replace(microsecond=0).isoformat()
    with (folder / "course.toml").open("a") as file:
        file.write(f'weight = 40\n[assignments.thirds]\nsource = "thirds"\ndeadline = {deadline}\nweight = 60\n')
    repository = (folder / "repositories/sound").resolve().as_uri()
    (folder / "roster.csv").write_text(ROSTER.format(repository=repository), encoding="utf-8")
    course = load_course(folder)
    collected(course, "halves")
    applied(recorded(course, "halves"), by="prof")
    for who, value in (("m0", "61.25"), ("m1", "50")):
        change = proposed(recorded(course, "halves"), "override", value, who=who, reason="canary, a viva", by="prof")
        applied(change, by="prof")
    return folder


@pytest.fixture
def course(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "course")
    return load_course(tmp_path / "course")


REAL_PDF = ("test_the_record_becomes_a_pack", "test_the_same_record_makes_the_same_bytes")


@pytest.fixture(autouse=True)
def quick_pdf(request, monkeypatch):
    """A PDF takes a second: two tests have the real one, the others bytes that follow from the page."""
    if request.function.__name__ not in REAL_PDF:
        monkeypatch.setattr(files, "as_pdf", lambda page: b"%PDF-" + page.encode())


def decided(course, id, kind, value, who):
    applied(proposed(recorded(course, id), kind, value, who=who, reason="because", by="prof"), by="prof")


def files_in(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def packed(course, **options):
    return export_board(course, course.folder / "board", **options)


def test_the_record_becomes_a_pack(course):
    decided(course, "thirds", "override", "55.5", "m0")
    assert "55.5" in (packed(course).folder / "explain/1001.txt").read_text().partition("=====")[2]
    seen = []
    written = packed(course, on_reading=lambda *step: seen.append(step))
    assert written.folder == course.folder / "board"
    assert written.files == {path: len(data) for path, data in files_in(written.folder).items()}
    assert seen == [(0, 2, "halves"), (1, 2, "thirds")]
    assert (written.people, written.marked, written.named, written.signed) == (2, 1, False, False)
    assert written.left_out[0].startswith("m2 of group sound has no row: no candidate number")
    marks = (written.folder / "marks.csv").read_text("utf-8-sig").splitlines()
    # 0.4 x 61.25 + 0.6 x 55.5 = 57.8; 1002 has no mark for an assignment that nobody has looked at yet.
    assert marks[1].startswith("1001,61.3,Upper second class,,55.5,Lower second class,,57.8,40,Lower second class,yes")
    assert marks[2].startswith("1002,50,Lower second class,,,,not collected,,40,,,thirds: no collection has looked")
    everything = b"".join(files_in(written.folder).values())
    for word in (b"canary", b"Lovelace", b"example.org", b"file://"):
        assert word not in everything


def test_without_a_folder_it_says_what_would_be_written_and_writes_nothing(course):
    before = files_in(course.folder / "reports"), course.ledger.read_bytes(), sorted(course.folder.iterdir())
    shown = export_board(course)
    assert (files_in(course.folder / "reports"), course.ledger.read_bytes(), sorted(course.folder.iterdir())) == before
    assert (shown.folder, shown.signed) == (None, False)
    assert shown.files == packed(course).files
    said = "\n".join(pack_lines(shown))
    assert "m2 of group sound has no row" in said
    assert CHECK_SUMS not in said


def test_with_names_they_are_there_and_private_reasons_are_not(course):
    written = packed(course, names=True)
    assert (written.people, written.left_out) == (3, ())
    marks = (written.folder / "marks.csv").read_text("utf-8-sig").splitlines()
    assert marks[1].startswith("1001,m0,Ada Lovelace,sound,61.3,")
    assert marks[3].startswith(",m2,Alan Turing,sound,")
    assert (written.folder / "explain/m2.txt").is_file()
    assert b"canary" not in b"".join(files_in(written.folder).values())


def test_the_same_record_makes_the_same_bytes(course, tmp_path):
    first, second = (export_board(course, tmp_path / name).folder for name in ("a", "b"))
    assert files_in(first) == files_in(second)


def test_a_new_pack_replaces_the_one_before_as_a_whole(course):
    with_names = packed(course, names=True).folder
    assert (with_names / "explain/m0.txt").is_file()
    without = packed(course).folder
    assert without == with_names
    assert sorted(path.name for path in (without / "explain").iterdir()) == ["1001.txt", "1002.txt"]
    assert not (without.parent / ".board.part").exists()


@pytest.mark.parametrize("name", ["notes.txt", "explain/mine.txt", "marks.csv", "board.html"])
def test_what_a_person_wrote_there_is_not_replaced(course, name):
    out = packed(course).folder
    (out / name).write_text("what the chair wrote")
    before = files_in(out)
    with pytest.raises(UserError, match=rf"{name} is not part of a pack as medmark wrote it.*--out"):
        packed(course, names=True)
    assert files_in(out) == before


def test_a_folder_of_something_else_and_a_file_are_refused_before_anything_is_read(course, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.tex").write_text("x")
    with pytest.raises(UserError, match=r"thesis\.tex is not part of a pack"):
        export_board(course, tmp_path / "other")
    with pytest.raises(UserError, match="is not a folder"):
        export_board(course, tmp_path / "other/thesis.tex")
    (tmp_path / "empty").mkdir()
    assert export_board(course, tmp_path / "empty").people == 2


def test_a_full_disk_leaves_the_pack_before_and_nothing_beside_it(course, monkeypatch):
    out = packed(course).folder
    before = files_in(out)

    def full(path, _):
        if path.name == MANIFEST:
            error = OSError(28, "No space left on device")
            error.filename = str(path)
            raise error

    monkeypatch.setattr(export, "replace_file", full)
    with pytest.raises(UserError, match=r"MANIFEST\.json: could not be written \(No space left on device\)"):
        packed(course, names=True)
    assert files_in(out) == before
    assert not (out.parent / ".board.part").exists()


def test_a_folder_that_cannot_take_its_name_leaves_the_pack_before(course, monkeypatch):
    out = packed(course).folder
    before, rename = files_in(out), Path.rename

    def refused(path, target):
        if path.name == ".board.part":
            raise PermissionError(13, "Permission denied", str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(UserError, match="could not be written"):
        packed(course, names=True)
    assert files_in(out) == before
    assert not [path.name for path in out.parent.iterdir() if path.name.startswith(".board")]


def test_marks_that_moved_and_were_not_applied_are_not_packed(course):
    with Ledger.open(course.ledger) as ledger:
        ledger.add_events([Event("2027-01-01T12:00", "prof", "halves", "override", "70", "x", "sound", "m0")])
    with pytest.raises(NotApplied):
        packed(course)
    assert not (course.folder / "board").exists()


def test_a_board_changes_nothing_of_the_record(course):
    before = course.ledger.read_bytes()
    packed(course)
    assert course.ledger.read_bytes() == before


def key_of(folder, name="id", passphrase=""):
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "chair", "-f", str(folder / name)]
    subprocess.run(command, check=True, capture_output=True)
    return folder / name


def shell(command, folder, key):
    """A command as the read-me has it, typed in the folder of the pack."""
    typed = command.replace("SIGNER", "chair@example.org").replace("KEY.pub", f"{key}.pub")
    return subprocess.run(typed, shell=True, cwd=folder, capture_output=True, text=True, check=False)


@keyed
def test_the_commands_of_the_read_me_verify_a_signed_pack_and_see_a_forged_one(course, tmp_path):
    key = key_of(tmp_path)
    written = packed(course, key=key)
    assert written.signed
    pack = shutil.copytree(written.folder, tmp_path / "received")
    text = (pack / "read-me.txt").read_text()
    assert all(command in text for command in (CHECK_SUMS, VERIFY, ALLOWED))
    assert shell(ALLOWED, pack, key).returncode == 0
    assert "Good" in shell(VERIFY, pack, key).stdout
    assert shell(CHECK_SUMS, pack, key).returncode == 0
    other = key_of(tmp_path, "other")
    shell(ALLOWED, pack, other)
    assert shell(VERIFY, pack, other).returncode != 0  # signed, but not by them
    shell(ALLOWED, pack, key)
    sums = (pack / SUMS).read_text()
    (pack / SUMS).write_text(sums.replace(sums[:8], "00000000"))
    assert shell(VERIFY, pack, key).returncode != 0


@keyed
def test_a_signature_for_another_purpose_is_none(course, tmp_path):
    key = key_of(tmp_path)
    pack = export_board(course, tmp_path / "pack", key=key).folder
    (pack / f"{SUMS}.sig").unlink()
    subprocess.run(["ssh-keygen", "-Y", "sign", "-f", key, "-n", "git", pack / SUMS], check=True, capture_output=True)
    shell(ALLOWED, pack, key)
    assert shell(VERIFY, pack, key).returncode != 0


@keyed
def test_a_signed_pack_can_be_replaced(course, tmp_path):
    key = key_of(tmp_path)
    out = packed(course, key=key).folder
    assert not packed(course).signed
    assert not (out / f"{SUMS}.sig").exists()


@keyed
def test_a_key_that_does_not_sign_leaves_everything_as_it_was(course, tmp_path):
    (tmp_path / "key").write_text("no key")
    (tmp_path / "key").chmod(0o600)
    for key, words in (
        (tmp_path / "key", "does not sign with this key"),
        (tmp_path / "absent", "there is no such file"),
    ):
        with pytest.raises(UserError, match=words):
            packed(course, key=key)
    assert not (course.folder / "board").exists()


def test_without_ssh_keygen_the_package_is_named(course, tmp_path, monkeypatch):
    (tmp_path / "key").write_text("x")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="apt-get install openssh-client"):
        packed(course, key=tmp_path / "key")


def test_the_command_says_who_has_no_row_and_how_to_check_the_pack(course):
    said = "\n".join(pack_lines(packed(course)))
    assert "2 people, under candidate numbers alone" in said
    assert "0 of 2 have a module mark" in said
    assert "m2 of group sound has no row" in said
    assert CHECK_SUMS in said
    assert VERIFY not in said


@keyed
def test_of_a_signed_pack_it_prints_the_command_to_verify_it(course, tmp_path):
    said = "\n".join(pack_lines(packed(course, names=True, key=key_of(tmp_path))))
    assert VERIFY in said
    assert "3 people, with names and ids" in said


def test_a_report_writes_the_log_of_its_assignment_for_staff_with_ids_and_without_private_reasons(course):
    written = report_results(course, recorded(course, "halves").results)
    page = written.audit.read_text(encoding="utf-8")
    assert written.audit == course.folder / "reports/halves/audit.html"
    assert "sound/m0" in page
    assert "61.25" in page
    assert "canary" not in page
