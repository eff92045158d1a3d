"""A handout of patients: who stays, who leaves and by whose leave, and what names nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from assignments.data.case_files import read_cases
from assignments.data.sources import source_of
from assignments.data.split import Split, new_split, read_split, write_split
from assignments.errors import UserError
from assignments.interface import read_interface
from assignments.load import load
from graders.authoring.handing_out import hand_out, planned_handout
from graders.authoring.handout_update import planned_update
from graders.authoring.notebooks import write_notebooks
from graders.authoring.splitting import proposed_split
from graders.tasks import TASKS
from graders.version import medmark_version
from graders.wall.replies import bound
from reports.leaving import leaving_lines
from tests.assignments.data.scans_folder import INTERFACE, write_folder
from tests.assignments.data.test_sharing import PERMITTED

RAGGED = """
from assignments.data.source import Axes, Subject
import numpy as np
ARRAYS = {"image": Axes("float32", "h w"), "label": Axes("uint8", "h w", role="truth"), "spacing": Axes("float32", "2")}

def open(path):
    return {file.stem: file for file in sorted(path.glob("*.npz"))}

def subjects(opened):
    return [Subject(id) for id in opened]

def load(opened, subject):
    with np.load(opened[subject]) as data:
        image = data["image"][0][: 4 + int(subject[1:])]
    return {"image": image, "label": (image > 0).astype(np.uint8), "spacing": np.float32([1, 1])}
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))


def split_folder(tmp_path, **changes):
    folder = write_folder(tmp_path, **changes)
    assignment = load(folder, tasks=TASKS)
    source = source_of(assignment)
    write_split(assignment.split_file, new_split(source.subjects(source.open(assignment)), assignment.data)[0])
    return folder


def files_of(tmp_path):
    out = tmp_path / "out" / "slices"
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def test_patients_stay_unless_they_are_shared(tmp_path):
    folder = split_folder(tmp_path)
    before = (folder / "split.csv").read_text()
    planned = planned_handout(str(folder))
    assert not planned.needs_consent
    assert list(leaving_lines(planned)) == [
        'share = "none": no case leaves this machine; the handout holds 20 phantoms in their place.'
    ]
    planned.write(tmp_path / "out")
    slices = {image.tobytes() for file in (tmp_path / "patients").iterdir() for image in np.load(file)["image"]}
    files = sorted((tmp_path / "out" / "slices" / "data").rglob("*.npz"))
    assert not {image.tobytes() for file in files for image in np.load(file)["image"]} & slices
    assert (len([*files[0].parents[1].glob("train/*")]), len([*files[0].parents[1].glob("val/*")])) == (16, 4)
    assert [name for name in files_of(tmp_path) if not name.endswith(".npz")] == [
        ".gitignore", "README.md", "assignment.toml", "brief.md", "data/README.md", "handout.json", "interface.py",
        "limits.md", f"medmark-{medmark_version()}-py3-none-any.whl", "requirements.txt", "train.py",
    ]  # fmt: skip
    assert (folder / "split.csv").read_text() == before, "nobody was handed out"


def test_phantoms_are_taken_as_the_interface_declares(tmp_path):
    folder = split_folder(tmp_path, data="val = 1\n")
    hand_out(str(folder), tmp_path / "out")
    out = tmp_path / "out" / "slices"
    fit = read_interface(out / "interface.py").functions["fit"]
    train, val = (read_cases(out / "data", name) for name in ("train", "val"))
    with bound(fit, (train, val), {"seed": 0, "budget_s": 0.0}):
        pass
    with pytest.raises(TypeError), bound(fit, ({**train, "image": train["label"]}, val), {"seed": 0, "budget_s": 0.0}):
        pass


def test_shared_patients_leave_only_if_a_person_agrees(tmp_path):
    folder = split_folder(tmp_path, data=PERMITTED)
    planned = planned_handout(str(folder))
    assert planned.needs_consent
    assert list(leaving_lines(planned)) == [
        "18 cases of 6 subjects would leave this machine, for students.",
        "Permitted: Ethics committee, 2026-03-04",
        f"Faces and burned-in text are not checked; this lists everything that leaves: medmark data {folder} --leaves",
    ]
    with pytest.raises(UserError, match="18 cases of 6 subjects, and nobody has agreed that they leave"):
        hand_out(str(folder), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    hand_out(str(folder), tmp_path / "out", agreed=True)
    rows = read_split(folder / "split.csv")
    today = date.today().isoformat()
    assert {row.subject: row.handed_out for row in rows.rows} == {
        **dict.fromkeys(rows.of("train"), today),
        **dict.fromkeys(rows.of("test"), ""),
    }


def test_a_split_made_while_a_person_reads_the_question_stops_the_handout(tmp_path):
    """The cases are those of the old split, so the new one would name the wrong subjects as handed out."""
    folder = split_folder(tmp_path, data=PERMITTED)
    planned = planned_handout(str(folder))
    rows = read_split(folder / "split.csv").rows
    hidden, trained = (next(row for row in rows if row.part == part) for part in ("test", "train"))
    other = {hidden: replace(hidden, part="train"), trained: replace(trained, part="test")}
    write_split(folder / "split.csv", Split(tuple(other.get(row, row) for row in rows)))
    before = read_split(folder / "split.csv")
    with pytest.raises(UserError, match=r"split\.csv: was changed meanwhile, so nothing is handed out"):
        planned.write(tmp_path / "out", agreed=True)
    assert read_split(folder / "split.csv") == before
    assert not (tmp_path / "out").exists()


def test_public_cases_leave_without_a_question_and_are_recorded(tmp_path):
    (tmp_path / "tutorial").mkdir()
    for number in range(3):
        image = np.random.default_rng(number).integers(0, 900, (32, 128, 128)).astype(np.int16)
        np.save(tmp_path / "tutorial" / f"image_train{number:02d}.npy", image)
        np.save(tmp_path / "tutorial" / f"label_train{number:02d}.npy", (image > 450).astype(np.uint8))
    folder = tmp_path / "prostate"
    folder.mkdir()
    (folder / "brief.md").write_text("# Prostate\n")
    (folder / "assignment.toml").write_text(
        'id = "prostate"\ntitle = "Prostate"\ntask = "segmentation"\nframeworks = ["numpy"]\n[data]\n'
        'source = "promise12"\npath = "../tutorial"\ntest = 1\n[run]\nmode = "weights"\n'
        '[[criterion]]\nid = "report"\nkind = "person"\npoints = 5\n'
    )
    proposed_split(load(folder, tasks=TASKS), "split").write()
    planned = planned_handout(str(folder))
    assert (planned.needs_consent, list(leaving_lines(planned))) == (False, [])
    planned.write(tmp_path / "out")
    files = sorted((tmp_path / "out" / "prostate" / "data" / "train").glob("*.npz"))
    assert [np.load(file)["image"].shape for file in files] == [(1, 32, 128, 128)] * 2
    rows = read_split(folder / "split.csv").rows
    assert {row.part for row in rows if row.handed_out} == {"train"}


def test_training_and_validation_cases_are_a_file_for_each_subject(tmp_path):
    folder = split_folder(tmp_path, data=f"val = 2\n{PERMITTED}")
    hand_out(str(folder), tmp_path / "out", agreed=True)
    assert [name for name in files_of(tmp_path) if name.startswith("data/")] == [
        "data/README.md", *(f"data/train/000{n}.npz" for n in range(4)), "data/val/0004.npz", "data/val/0005.npz",
    ]  # fmt: skip
    data = tmp_path / "out" / "slices" / "data"
    assert {len(np.load(file)["image"]) for file in data.rglob("*.npz")} == {3}
    assert (data / "README.md").read_text().startswith("18 cases of 6 subjects, who have numbers in place of names.")


def test_nothing_in_it_names_a_patient_or_says_where_they_lie(tmp_path):
    folder = split_folder(tmp_path, data=f"val = 2\n{PERMITTED}")
    hand_out(str(folder), tmp_path / "out", agreed=True)
    out = tmp_path / "out" / "slices"
    rows = read_split(folder / "split.csv")
    for path in out.rglob("*"):
        text = path.read_bytes() if path.is_file() else b""
        for secret in (*(row.subject for row in rows.rows), "patients", "split_seed", "Ethics", str(tmp_path)):
            assert secret.encode() not in text, f"{secret} in {path.name}"
            assert secret not in path.relative_to(out).as_posix()
    handed_out = load(out)
    assert (handed_out.data.path, handed_out.data.split_seed, handed_out.data.permission) == (None, None, "")
    assert handed_out.data.share == "students"


def test_the_digest_of_a_handout_tells_no_split_and_no_seed(tmp_path):
    folder = split_folder(tmp_path)
    hand_out(str(folder), tmp_path / "out")
    digest = json.loads((tmp_path / "out" / "slices" / "handout.json").read_text())["digest"]
    toml = folder / "assignment.toml"
    toml.write_text(toml.read_text().replace("split_seed = 1", "split_seed = 2"))
    rows = (folder / "split.csv").read_text()
    (folder / "split.csv").write_text(rows.replace("test", "moved").replace("train", "test").replace("moved", "train"))
    hand_out(str(folder), tmp_path / "again")
    assert json.loads((tmp_path / "again" / "slices" / "handout.json").read_text())["digest"] == digest
    toml.write_text(toml.read_text().replace("points = 60", "points = 61"))
    hand_out(str(folder), tmp_path / "third")
    assert json.loads((tmp_path / "third" / "slices" / "handout.json").read_text())["digest"] != digest


def test_images_of_different_sizes_are_a_file_for_each_subject_with_a_number_for_a_name(tmp_path):
    slices, labelled = INTERFACE.split("class Labelled")
    labelled = labelled.replace('image: Float32[np.ndarray, "n h w"]', 'image: list[Float32[np.ndarray, "h w"]]', 1)
    labelled = labelled.replace('UInt8[np.ndarray, "n h w"]', 'list[UInt8[np.ndarray, "h w"]]')
    interface = f"{slices}class Labelled{labelled}"
    folder = split_folder(tmp_path, data=f"val = 1\n{PERMITTED}", source=RAGGED)
    (folder / "interface.py").write_text(interface)
    hand_out(str(folder), tmp_path / "out", agreed=True)
    names = [name for name in files_of(tmp_path) if name.startswith("data/")]
    train = [f"data/train/{number:04d}.npz" for number in range(5)]
    assert names == ["data/README.md", *train, "data/val/0005.npz"]
    rows = read_split(folder / "split.csv")
    lengths = {4 + int(id[1:]) for id in rows.of("train")}
    files = sorted((tmp_path / "out" / "slices" / "data" / "train").iterdir())
    assert {np.load(file)["image"].shape[1] for file in files} == lengths
    assert [int(np.load(file)["subject"][0]) for file in files] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("data", ["", PERMITTED])
@pytest.mark.parametrize("trouble", ["no split", "gone", "leak"])
def test_a_handout_is_refused_with_the_command_to_type(tmp_path, data, trouble):
    folder = split_folder(tmp_path, data=data)
    rows = read_split(folder / "split.csv")
    hidden, trained = rows.of("test")[0], rows.of("train")[0]
    says = {
        "no split": f"has no split yet .*: medmark data {folder} --split",
        "gone": rf"names subjects that .* lacks: {hidden} \(test\).*medmark data {folder} --split",
        "leak": rf"(?s)({hidden} \(test, case 0\) and {trained}|{trained} \(train, case 0\) and {hidden}).*--resplit",
    }[trouble]
    if trouble == "no split":
        (folder / "split.csv").unlink()
    elif trouble == "gone":
        (tmp_path / "patients" / f"{hidden}.npz").unlink()
    else:
        (tmp_path / "patients" / f"{trained}.npz").write_bytes((tmp_path / "patients" / f"{hidden}.npz").read_bytes())
    with pytest.raises(UserError, match=says):
        hand_out(str(folder), tmp_path / "out", agreed=True)
    assert not (tmp_path / "out").exists()


def test_a_handout_over_work_records_nothing(tmp_path):
    folder = split_folder(tmp_path, data=PERMITTED)
    (folder / "starter").mkdir()
    (folder / "starter" / "solution.py").write_text('FRAMEWORK = "numpy"\n')
    (tmp_path / "out" / "slices").mkdir(parents=True)
    (tmp_path / "out" / "slices" / "solution.py").write_text("mine")
    before = (folder / "split.csv").read_text()
    with pytest.raises(UserError, match="is there already"):
        hand_out(str(folder), tmp_path / "out", agreed=True)
    assert (folder / "split.csv").read_text() == before


def test_an_update_with_shared_patients_asks_only_where_cases_change(tmp_path):
    folder = split_folder(tmp_path, data=PERMITTED)
    hand_out(str(folder), tmp_path / "out", agreed=True)
    before = (folder / "split.csv").read_text()
    (folder / "brief.md").write_text("# Another brief\n")
    with planned_update(planned_handout(str(folder)), tmp_path / "out") as update:
        assert not update.hands_out_cases
        update.write()
    assert (folder / "split.csv").read_text() == before
    next((tmp_path / "out/slices/data/train").iterdir()).unlink()
    note = tmp_path / "out/slices/handout.json"
    files = json.loads(note.read_text())
    lost = next(name for name in files["files"] if not (tmp_path / "out/slices" / name).exists())
    del files["files"][lost]
    note.write_text(json.dumps(files))
    with planned_update(planned_handout(str(folder)), tmp_path / "out") as update:
        assert [(change.name, change.fate) for change in update.changes] == [(lost, "new")]
        assert update.hands_out_cases
        with pytest.raises(UserError, match="nobody has agreed that they leave"):
            update.write()
        assert not (tmp_path / "out/slices" / lost).exists()
        update.write(agreed=True)
    assert (tmp_path / "out/slices" / lost).exists()


def test_a_notebook_shows_no_patient_before_a_person_agrees(tmp_path):
    folder = split_folder(tmp_path, data=PERMITTED)
    (folder / "brief.md").write_text("# Slices\n\n{{ picture }}\n")
    (folder / "public_tests").mkdir(exist_ok=True)
    (folder / "reference").mkdir()
    framework = load(folder).frameworks[0]
    (folder / f"reference/solution_{framework}.py").write_text(
        f'FRAMEWORK = "{framework}"\n\n\ndef fit():\n    return 1\n'
    )
    planned = planned_handout(str(folder))
    with pytest.raises(UserError, match="nobody has agreed that they leave"):
        write_notebooks(planned, tmp_path / "out", framework)
    assert not (tmp_path / "out").exists()
    notebook = write_notebooks(planned, tmp_path / "out", framework, agreed=True)[0]
    assert "data:image/png;base64," in notebook.read_text()
    rows = read_split(folder / "split.csv")
    assert {row.handed_out for row in rows.rows if row.subject in rows.of("train")} == {date.today().isoformat()}
