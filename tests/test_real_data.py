"""Each application on patients in a true format, from course.toml to the mark, with anchors and without."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.example_folders import EXAMPLES
from tests.other_cases_made import APPLICATIONS, write_assignment
from tests.small_course import medmark, write_roster

SHARED = 'share = "students"\npermission = "Ethics committee, 2026-03-04"\nabout = "Of our hospital."\n'
ANCHORS = {
    True: "trivial = 0.1\npass = 0.2\nmerit = 0.3\ndistinction = 0.4\nreference = 0.5\nceiling = 0.6\n",
    False: "trivial = 0.6\npass = 0.5\nmerit = 0.4\ndistinction = 0.3\nreference = 0.2\nceiling = 0.1\n",
}


def set_course(folder, application, data=SHARED, more=""):
    """course.toml, in which the assignment has the patients beside it."""
    due = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0, tzinfo=None)
    (folder / "course.toml").write_text(
        f'title = "Own"\nyear = "2027"\ntimezone = "UTC"\nsandbox = "local"\n[access]\nallow_file = true\n'
        f'[assignments.own]\nsource = "own"\ndeadline = {due.isoformat()}\n'
        f'[assignments.own.data]\nsource = "folder"\npath = "patients"\ntest = {application.test}\nval = 1\n'
        f"{data}{more}",
        encoding="utf-8",
    )


def done(*words):
    output = medmark(*words)
    assert output.code == 0, output.err
    return output.out


@pytest.fixture(scope="module", params=APPLICATIONS)
def template(request, tmp_path_factory):
    """The application, and a course in which its assignment has patients of a true format, split."""
    application, folder = APPLICATIONS[request.param], tmp_path_factory.mktemp("courses") / "course"
    done("init", folder)
    write_assignment(folder, application)
    EXAMPLES[application.folder](folder / "patients")
    write_roster(folder, {"g1": {"own/solution.py": application.solution, "own/weights/w.txt": "1"}})
    set_course(folder, application)
    done("data", "own", "-c", folder, "--split", "--yes")
    return application, folder


@pytest.fixture
def course(template, tmp_path):
    """A copy of that course, for one test."""
    application, folder = template
    shutil.copytree(folder, tmp_path / "course")
    return application, tmp_path / "course"


def arrays_in(folder):
    """Every array of a handout's cases that says something, as bytes of one case."""
    for path in folder.rglob("*.npz"):
        with np.load(path) as archive:
            yield from (case.tobytes() for key in archive for case in archive[key] if np.unique(case).size > 8)


def test_students_check_and_are_marked_on_the_patients(course):
    application, folder = course
    done("handout", "own", folder / "kit", "-c", folder, "--yes")
    kit = folder / "kit" / "own"
    brief = (kit / "brief.md").read_text()
    assert "Phantoms" not in brief
    assert "Of our hospital. You get the cases of " in brief
    settings = (kit / "assignment.toml").read_text()
    assert 'source = "folder"' in settings
    assert "trivial" not in settings + (kit / "README.md").read_text() + brief

    (kit / "solution.py").write_text(application.solution)
    checked = medmark("check", cwd=kit)
    assert "There are no anchors for these cases yet." in checked.out + checked.err

    done("collect", "own", "-c", folder)
    marked = medmark("grade", "own", "-c", folder, "--trust-submissions", "--yes", "--json")
    (mark,) = json.loads(marked.out)["marks"]
    tests, accuracy = mark["findings"]
    assert (mark["status"], tests["points"], accuracy["points"]) == ("incomplete", 4, None)
    assert accuracy["score"] is not None
    assert "accuracy: no anchors are set for these cases. Set [assignments.own.anchors.accuracy]" in re.sub(
        r"\s+", " ", medmark("show", "own", "-c", folder).out
    )
    done("report", "own", "-c", folder)
    page = (folder / "reports/own/feedback/g1.html").read_text()
    assert "has set no anchors for these cases" in page
    assert "There are no pictures of your predictions" not in page
    assert "no anchors are set for these cases" in (folder / "reports/own/marksheet.csv").read_text()

    rising = not application.metric.startswith("mae")
    set_course(folder, application, more=f"[assignments.own.anchors.accuracy]\n{ANCHORS[rising]}")
    again = medmark("grade", "own", "-c", folder, "--trust-submissions", "--yes", "--json")
    (mark,) = json.loads(again.out)["marks"]
    assert mark["status"] == "marked"
    assert mark["findings"][1]["score"] == accuracy["score"]
    assert mark["findings"][1]["points"] is not None


def test_no_hidden_patient_is_in_the_kit(course):
    application, folder = course
    rows = [line.split(",") for line in (folder / "hidden/own.split.csv").read_text().splitlines()[1:]]
    hidden = [row[0] for row in rows if row[1] == "test"]
    assert len(hidden) == application.test
    done("handout", "own", folder / "kit", "-c", folder, "--yes")
    assert len(list((folder / "kit/own/data").rglob("*.npz"))) == len(rows) - len(hidden)  # a file for each subject
    shown = set(arrays_in(folder / "kit"))

    split = (folder / "hidden/own.split.csv").read_text()
    swapped = "".join(
        line.replace(",test,", ",train,") if line.split(",")[0] in hidden else line.replace(",train,", ",test,")
        for line in split.splitlines(keepends=True)
    )
    (folder / "hidden/own.split.csv").write_text(swapped)
    done("handout", "own", folder / "swapped", "-c", folder, "--yes")
    of_hidden = set(arrays_in(folder / "swapped/own/data/train"))
    assert of_hidden
    assert not of_hidden & shown
    names = [path.name for path in (folder / "kit/own").rglob("*")]
    texts = [path.read_text() for path in (folder / "kit/own").glob("*") if path.suffix in (".md", ".toml", ".json")]
    assert not [subject for subject in hidden if any(subject in text for text in (*names, *texts))]


def test_patients_whom_nobody_may_have_stay_here(course):
    application, folder = course
    set_course(folder, application, data="", more='[assignments.own.run]\nmode = "retrain"\n')
    done("handout", "own", folder / "open", "-c", folder)
    kit = folder / "open/own"
    assert "they show no patient" in (kit / "data/README.md").read_text()
    assert "None of these cases leaves the place where they were taken." in (kit / "brief.md").read_text()
    set_course(folder, application)
    done("handout", "own", folder / "shared", "-c", folder, "--yes")
    patients = set(arrays_in(folder / "shared"))
    assert patients
    assert not patients & set(arrays_in(folder / "open"))
