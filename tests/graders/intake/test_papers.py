"""A group learns in time whether the commit that counts holds the paper that a person marks."""

from __future__ import annotations

import pytest
from pypdf import PdfReader

from assignments.assignment import Assignment, Person
from assignments.handout_note import RuntimeFacts
from graders.intake.checkout import Caps, tree_of
from graders.intake.handin import inspect_handin
from graders.intake.hardened_git import Reach
from graders.intake.papers import paper_facts, paper_problems
from tests.graders.intake.pdfs import pdf
from tests.graders.intake.repositories import Link, git, make

SOLUTION = 'FRAMEWORK = "pytorch"\nimport torch\n'


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


def test_a_paper_of_more_words_than_are_allowed_is_told(problems):
    assert problems({"mlp/report.pdf": pdf(2, "four words a page")}, max_words=7) == (
        "report: mlp/report.pdf has 8 words, and 7 are allowed; shorten it",
    )
    assert problems({"mlp/report.pdf": pdf(2, "four words a page")}, max_words=8) == ()


def test_a_scan_in_which_no_text_can_be_read_is_told(problems):
    (problem,) = problems({"mlp/report.pdf": pdf(1, "")}, max_pages=2)
    assert problem.startswith("report: mlp/report.pdf: no text can be read in it, as in a scan; export it as text")


@pytest.fixture
def paper(tmp_path):
    def write(**content):
        path = tmp_path / "paper.pdf"
        path.write_bytes(pdf(**content))
        return path

    return write


def test_pages_words_and_text_of_a_paper_are_counted(paper):
    facts = paper_facts(paper(pages=3, text="by Ada Byron"))
    assert (facts.pages, facts.words, facts.readable) == (3, 9, True)
    assert facts.text.split() == ["by", "Ada", "Byron"] * 3


def test_a_clean_copy_has_the_pages_and_neither_author_nor_script(paper, tmp_path):
    file, clean = paper(pages=2, author="Ada Byron", script="app.alert(1)"), tmp_path / "clean.pdf"
    assert b"Ada Byron" in file.read_bytes()
    assert b"/JavaScript" in file.read_bytes()
    assert paper_facts(file, clean).cleaned
    assert len(PdfReader(clean).pages) == 2
    assert PdfReader(clean).pages[0].extract_text().strip() == "Some words on a page"
    for gone in (b"Ada Byron", b"alert", b"/JavaScript"):
        assert gone not in clean.read_bytes()


def test_of_a_damaged_paper_there_is_no_clean_copy(tmp_path):
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7\n" + bytes(100))
    facts = paper_facts(tmp_path / "paper.pdf", tmp_path / "clean.pdf")
    assert (facts.pages, facts.words, facts.cleaned) == (None, None, False)
    assert not (tmp_path / "clean.pdf").exists()


def test_a_reader_that_writes_without_end_is_stopped(tmp_path, monkeypatch):
    """What a paper makes its reader write is held by the reader's own limit, and what it claims is checked."""
    (tmp_path / "liar.py").write_text("import sys\nopen(sys.argv[2], 'w').write('{\"pages\": \"many\"}')")
    monkeypatch.setattr("graders.intake.papers.PAPER_READER", tmp_path / "liar.py")
    assert paper_facts(tmp_path / "paper.pdf").pages is None


def test_a_pdf_that_never_ends_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "endless.py").write_text("while True: pass")
    monkeypatch.setattr("graders.intake.papers.PAPER_READER", tmp_path / "endless.py")
    monkeypatch.setattr("graders.intake.papers.READ_CPU_S", 0.25)
    (tmp_path / "report.pdf").write_bytes(pdf(1))
    assert paper_facts(tmp_path / "report.pdf").pages is None


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
