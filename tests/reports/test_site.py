"""The site of a course shows students what they are set, and nothing that is hidden or of a patient."""

import re
from datetime import timedelta

import pytest

from assignments.data.split import read_split
from assignments.drawing.brief_picture import STAY
from assignments.folders import CATALOGUE
from graders.course.course import assignment_of, load_course
from graders.record.proof_status import ProofStatus
from reports.site import IN_HANDOUT, course_site
from tests import patients_course
from tests.reports.hostile import HOSTILE
from tests.reports.pages import Page
from tests.reports.site_made import own_course, write_course


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return course_site(load_course(own_course(tmp_path_factory.mktemp("course"))))


def set_status(monkeypatch, **changes):
    status = ProofStatus(
        **{"rehearsed_at": "2027-01-05T10:00:00+00:00", "fresh": True, "passed": True, "gaps": ()} | changes
    )
    monkeypatch.setattr("graders.authoring.syllabus.proof_status", lambda assignment: status)


def words(html):
    return Page(html).text


def test_there_is_a_page_of_the_course_and_one_of_each_assignment(pages):
    assert list(pages) == ["index.html", "briefs/prostate_unet.html", "briefs/halves.html", "briefs/backprop.html"]


def test_the_page_of_the_course_lists_assignments_by_deadline_with_marks_and_frameworks(pages):
    text = words(pages["index.html"])
    first, second, third = (text.index(f"Due {due}") for due in (
        "Friday 15 January 2027, 09:30 (Europe/Berlin)", "Monday 1 February 2027", "Monday 1 March 2027"))  # fmt: skip
    assert first < second < third
    assert "A model predicts the probability of foreground for every voxel" in text
    assert "A model predicts nothing: functions are tested, and no model is scored" in text
    assert "Marks tests 35, accuracy 35, report 30" in text
    assert "Frameworks PyTorch, TensorFlow" in text


def test_the_map_says_which_topics_the_course_covers_and_which_the_catalogue_has_besides(pages):
    text = words(pages["index.html"])
    course, others = text.split("Not in this course")
    for topic in ("U-Net", "segmentation", "backpropagation", "optimisation"):
        assert topic in course
    assert "no topic named" in course, "the course's own assignment names none"
    assert "convolution" not in course
    assert "convolution; sampling; width and depth" in others
    covered, of = map(int, re.search(r"covers (\d+) of (\d+) topics", others).groups())
    assert 5 <= covered < of
    assert "A multilayer perceptron for fine-needle aspirates" in others
    assert "Prostate" not in others


def test_the_state_of_a_proof_is_that_of_the_record(tmp_path, monkeypatch):
    course = load_course(write_course(tmp_path, {"backprop": ("backprop", "2027-03-01T12:00:00")}))
    secret = "hidden_tests/test_graph.py"
    for changes, state in (
        ({}, "proven on 5 Jan 2027"),
        ({"fresh": False, "changed": (secret,)}, "changed since it was rehearsed on 5 Jan 2027"),
        ({"passed": False, "gaps": (f"{secret}: passes",)}, "rehearsed on 5 Jan 2027, with gaps"),
        ({"rehearsed_at": None, "fresh": False, "passed": False}, "not rehearsed"),
    ):
        set_status(monkeypatch, **changes)
        html = course_site(course)["index.html"]
        assert state in words(html)
        assert "test_graph" not in html
    monkeypatch.setattr("graders.authoring.syllabus.lacks_staff_files", lambda folder: True)
    assert "not known here" in words(course_site(course)["index.html"])


def test_a_brief_is_the_one_of_the_handout_with_its_picture(pages):
    html = pages["briefs/prostate_unet.html"]
    page = Page(html)
    assert "The clinical question" in page.text
    assert "resample(volume, from_spacing, to_spacing, order)" in page.text, "the tables are filled in"
    (source,) = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    (alt,) = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert source.startswith("data:image/png;base64,iVBOR")
    assert alt.startswith("4 volumes to train on, side by side: subject 0 (slice ")
    assert "{{" not in html


def test_a_brief_of_rows_has_no_picture(pages):
    assert "img" not in Page(pages["briefs/halves.html"]).tags
    assert "{{" not in pages["briefs/halves.html"]


def test_every_link_between_the_pages_leads_to_a_page(pages):
    links = 0
    for name, html in pages.items():
        page = Page(html)
        ids = [value for _, attribute, value in page.attributes if attribute == "id"]
        assert len(ids) == len(set(ids))
        for value in (value for tag, attribute, value in page.attributes if (tag, attribute) == ("a", "href")):
            links += 1
            if value.startswith("#"):
                assert value[1:] in ids, f"{name}: {value}"
            elif not value.startswith("https://"):
                here = name.rpartition("/")[0]
                target = (
                    value.removeprefix("../") if here and value.startswith("../") else f"{here}/{value}".lstrip("/")
                )
                assert target in pages, f"{name}: {value}"
    assert links > 20


def test_no_page_loads_or_runs_anything(pages):
    for name, html in pages.items():
        page = Page(html)
        assert not {"script", "link", "iframe", "object", "embed", "form", "base"} & set(page.tags), name
        assert page.policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
        loaded = [value for _, attribute, value in page.attributes if attribute in ("src", "srcset", "data", "poster")]
        assert [value for value in loaded if not value.startswith("data:image/png;base64,")] == []
        assert not [attribute for _, attribute, _ in page.attributes if attribute.startswith("on")]
        styles = re.search("<style>(.*)</style>", html, re.S)[1]
        assert "url(" not in styles
        assert "@import" not in styles
        assert html.count("://") == html.count('href="https://'), "addresses are links that a person follows"


def test_nothing_hidden_is_on_any_page(tmp_path, pages):
    everything = "\n".join(pages.values())
    for id in ("prostate_unet", "backprop"):
        for file in (CATALOGUE / id / "hidden_tests").glob("test_*.py"):
            assert file.stem not in everything
            for name, summary in re.findall(r'def (test_\w+)\([^)]*\)[^:]*:\n    """(.+?)"""', file.read_text(), re.S):
                assert name not in everything
                assert summary.splitlines()[0] not in everything
    assert "g1.git" not in everything
    assert "Xenia" not in everything
    assert str(tmp_path.parent) not in everything


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_in_titles_and_topics_is_text(tmp_path, monkeypatch, text):
    course = load_course(write_course(tmp_path, {"backprop": ("backprop", "2027-03-01T12:00:00")}))

    def hostile(course, id):
        return assignment_of(course, id).model_copy(update={"title": text, "syllabus": (text,)})

    monkeypatch.setattr("graders.authoring.syllabus.assignment_of", hostile)
    pages = course_site(course.model_copy(update={"title": text, "year": text}))
    for html in pages.values():
        page = Page(html)
        assert not {"script", "img", "iframe", "svg", "object"} & set(page.tags)
        assert not [attribute for _, attribute, _ in page.attributes if attribute.startswith("on")]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("", STAY),
        (patients_course.PERMITTED, IN_HANDOUT),
        (patients_course.PERMITTED.replace("students", "public"), IN_HANDOUT),
    ],
)
def test_no_patient_is_shown_whatever_a_handout_may_hold(tmp_path, monkeypatch, data, sentence):
    folder = patients_course.write_course(tmp_path / "course", due=timedelta(days=3), data=data)
    (folder / "slices/brief.md").write_text("# Slices\n\n{{ picture }}\n\nSegment.\n")
    monkeypatch.setattr("reports.site.published_cases", lambda *_: pytest.fail("patients are read"))
    course = load_course(folder)
    html = course_site(course)["briefs/slices.html"]
    assert "img" not in Page(html).tags
    assert sentence in words(html)
    split = read_split(assignment_of(course, "slices").split_file)
    assert [row.subject for row in split.rows if row.subject in html] == []
    assert "patients/" not in html


def test_progress_names_each_assignment(tmp_path):
    steps = []
    course_site(load_course(own_course(tmp_path)), lambda *step: steps.append(step))
    assert [(done, of, name) for done, of, name in steps if name in ("prostate_unet", "halves", "backprop")] == [
        (0, 3, "prostate_unet"), (1, 3, "halves"), (2, 3, "backprop"),
    ]  # fmt: skip
