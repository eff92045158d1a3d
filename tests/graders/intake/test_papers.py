"""A group learns in time whether the commit that counts holds the paper that a person marks."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfWriter

from assignments.assignment import Assignment, Person
from assignments.handout_note import RuntimeFacts
from graders.intake.checkout import Caps, tree_of
from graders.intake.handin import inspect_handin
from graders.intake.hardened_git import Reach
from graders.intake.papers import pages_of, paper_problems
from tests.graders.intake.repositories import Link, git, make

SOLUTION = 'FRAMEWORK = "pytorch"\nimport torch\n'


def pdf(pages):
    """A PDF of so many blank A4 pages."""
    writer, stream = PdfWriter(), io.BytesIO()
    for _ in range(pages):
        writer.add_blank_page(595, 842)
    writer.write(stream)
    return stream.getvalue()


def assignment_with(folder, **paper):
    return Assignment.model_validate(
        {
            "id": "mlp", "title": "MLP", "task": "classification", "folder": folder / "coursework",
            "data": {"source": "breast_cancer", "train": 1, "test": 1}, "run": {"mode": "retrain"},
            "criterion": [{"kind": "person", "id": "report", "points": 10, **paper}],
        }
    )  # fmt: skip


@pytest.fixture
def problems(tmp_path):
    """The problems with the papers of a commit that holds these files."""

    def of(files, **paper):
        assignment = assignment_with(tmp_path, **{"file": "report.pdf", **paper})
        repository = tmp_path / "host.git"
        commit = make(repository, {"mlp/solution.py": SOLUTION, **files})
        reach = Reach(timeout_s=20)
        return paper_problems(assignment, tree_of(repository, commit, "", reach), repository, Caps(), reach)

    return of


@pytest.mark.parametrize("path", ["mlp/report.pdf", "report.pdf"])
def test_a_paper_beside_the_solution_or_at_the_root_is_there(problems, path):
    assert problems({path: pdf(2)}, max_pages=2) == ()


def test_a_paper_of_more_than_the_only_page_is_named(problems):
    assert problems({"mlp/report.pdf": pdf(2)}, max_pages=1) == (
        "report: mlp/report.pdf has 2 pages, and 1 is allowed; shorten it",
    )


def test_a_missing_paper_is_named_with_the_command(problems):
    (problem,) = problems({})
    assert problem == ("report: report.pdf is not in the commit: put it at mlp/report.pdf, git add -f, commit and push")


@pytest.mark.parametrize("there", ["mlp/Report.pdf", "docs/report.pdf", "mlp/final_version2.PDF"])
def test_a_paper_under_another_name_is_named(problems, there):
    (problem,) = problems({there: pdf(1)})
    assert problem.endswith(f"There is {there}: if that is it, git mv it")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "mlp/report.pdf is empty"),
        (b"PK\x03\x04 a Word document", "mlp/report.pdf is not a PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n", "Git LFS pointer: mlp/report.pdf"),
        (pdf(3), "mlp/report.pdf has 3 pages, and 2 are allowed"),
        (b"%PDF-1.7\n" + bytes(100), "mlp/report.pdf: its pages cannot be counted"),
        (bytes(21_000_000), "file over 20 MB: mlp/report.pdf"),
    ],
    ids=["empty", "Word", "pointer", "long", "damaged", "large"],
)
def test_a_paper_that_nobody_could_mark_is_told(problems, content, words):
    (problem,) = problems({"mlp/report.pdf": content}, max_pages=2)
    assert problem.startswith(f"report: {words}")


def test_a_link_is_not_a_paper(problems):
    (problem,) = problems({"mlp/report.pdf": Link("/etc/passwd")})
    assert "is not in the commit" in problem


def test_a_paper_of_another_kind_need_only_be_there(problems):
    assert problems({"mlp/report.md": "# Report"}, file="report.md") == ()


def test_a_pdf_that_never_ends_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "endless.py").write_text("while True: pass")
    monkeypatch.setattr("graders.intake.papers.COUNT_PAGES", tmp_path / "endless.py")
    monkeypatch.setattr("graders.intake.papers.PAGES_CPU_S", 0.25)
    (tmp_path / "report.pdf").write_bytes(pdf(1))
    assert pages_of(tmp_path / "report.pdf") is None


@pytest.mark.parametrize("file", ["/etc/passwd", "../report.pdf", ".git/config", ""])
def test_a_paper_lies_within_the_repository(file):
    with pytest.raises(ValueError, match="path within the repository"):
        Person(kind="person", id="report", points=1, file=file)


def test_pages_are_counted_of_a_pdf_alone():
    with pytest.raises(ValueError, match="max_pages is for a PDF"):
        Person(kind="person", id="report", points=1, file="report.md", max_pages=3)


def test_the_hand_in_check_lists_a_missing_paper(tmp_path):
    make(tmp_path / "host.git", {"solution.py": SOLUTION})
    git("clone", "--quiet", f"file://{tmp_path}/host.git", str(tmp_path / "clone"))
    assignment = assignment_with(tmp_path, file="report.pdf")
    handin = inspect_handin(tmp_path / "clone", assignment, runtime=lambda _: RuntimeFacts("3.11", {}, ("torch",)))
    assert not handin.ready
    assert any("report.pdf is not in the commit" in line for line in handin.lines())
