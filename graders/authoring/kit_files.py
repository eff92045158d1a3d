"""What makes a handout a kit to start from: README, .gitignore, requirements.txt, train.py, and how to install medmark.

It holds nothing of one assignment but its settings and its interface: an author writes none of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assignments.assignment import Accuracy, Assignment, Framework, HiddenTests, Person, Unanchored
from assignments.data.case_files import are_rows
from assignments.data.columns import Cases, Column, case_shapes
from assignments.data.published import PublishedCases
from assignments.handout_note import RuntimeFacts
from assignments.metric_words import metric_words
from assignments.rubric_files import rubric_text
from graders.intake.papers import papers_of
from graders.wall.sandboxes.local import FRAMEWORK_PACKAGES
from graders.wall.sandboxes.runtime_records import medical_among

KIT = Path(__file__).parent / "kit"
IGNORED = """\
# The cases are too large for a repository: medmark check --data fetches them.
data/
curve.png
cases.png
__pycache__/
*.py[cod]
.venv/
.ipynb_checkpoints/
.DS_Store
"""
INSTALL = "pip install ./medmark-{version}-py3-none-any.whl"


@dataclass(frozen=True)
class KitTerms:
    """What a course says of an assignment, beside the assignment itself."""

    medmark: str
    """The version that marks."""
    install: str = ""
    """The line that installs it; empty: the wheel that lies in the kit."""
    due: str = ""
    """In words; empty where no course sets it."""

    @property
    def install_line(self) -> str:
        return self.install or INSTALL.format(version=self.medmark)


def kit_texts(
    assignment: Assignment,
    cases: PublishedCases,
    runtimes: Mapping[Framework, RuntimeFacts],
    limits: str,
    terms: KitTerms,
) -> dict[str, str]:
    """The texts of the kit, by the file's name."""
    trains = {"train.py": (KIT / "train.py.txt").read_text(encoding="utf-8")} if cases.train else {}
    return {
        "README.md": "\n".join(_readme(assignment, cases, runtimes, limits, terms)),
        ".gitignore": IGNORED,
        "requirements.txt": "\n".join(_requirements(runtimes, trains=bool(trains))) + "\n",
        **trains,
    }


def _readme(
    assignment: Assignment,
    cases: PublishedCases,
    runtimes: Mapping[Framework, RuntimeFacts],
    limits: str,
    terms: KitTerms,
) -> Iterator[str]:
    scored = any(isinstance(criterion, Accuracy) for criterion in assignment.criteria)
    yield from (f"# {assignment.title}", "")
    if terms.due:
        yield from (f"**Due {terms.due}.** What your branch on the server holds then is marked.", "")
    yield from (
        "`brief.md` says what to write. This folder is your start: put it into your group's repository as it is.",
        "",
        "## Install",
        "",
        "In this folder, in an environment of its own (`python -m venv .venv`, then `source .venv/bin/activate`):",
        "",
        f"    {terms.install_line}",
        "    pip install -r requirements.txt",
        "",
        "The first line brings the version of medmark that marks; the second what "
        + ("`train.py` needs." if cases.train else "a solution may import."),
        "",
        *_packages(runtimes),
        *_commands(trains=bool(cases.train), scored=scored),
        "",
    )
    if cases.train and not scored:
        yield from ("No model is scored here, so you may not need `train.py`.", "")
    if cases.train:
        yield from (*_data(assignment, cases), "")
    yield from ("## What is marked", "", *_marked(assignment), "")
    if limits:
        yield from ("## Limits", "", *limits.splitlines()[2:], "")
    yield from _colab(assignment, trains=bool(cases.train))


def _commands(*, trains: bool, scored: bool) -> Iterator[str]:
    yield from (f"## {'Five' if trains else 'Four'} commands", "", "In this folder:", "")
    if trains:
        yield "    python train.py"
    yield "    medmark check"
    yield f'    git add . && git commit -m "{"Train longer" if trains else "Correct the loss"}"'
    yield from ("    git push", "    medmark check --handin", "")
    training = "`train.py` trains on `data/train`, scores `data/val`, and saves to `weights/`. " if trains else ""
    tries = "tries your model, and runs" if scored or trains else "and runs"
    yield (
        f"{training}`check` imports `solution.py`{',' if scored or trains else ''} {tries} the public tests; with "
        "`--handin` it does so with the commit that would be marked."
    )


def _data(assignment: Assignment, cases: PublishedCases) -> Iterator[str]:
    yield from ("## What is in data/", "")
    fetch = f"medmark check --data ~/Downloads/{assignment.id}-data.zip"
    yield f"`data/` is not in Git. A new clone gets it with `{fetch}`, or with the address that your course gives."
    yield from ("", f"{_number(cases.train)} cases are in `data/train`.")
    if cases.val is not None:
        yield (
            f"{_number(cases.val)} of other subjects are in `data/val`: try your model on them, and train on them only "
            "when you need no score any more."
        )
    if cases.kind not in ("drawn", "shared"):
        yield f"They are {cases.kind}: they stand in for patients whom nobody may have, and marking trains on those."
    if are_rows(cases.train):
        files = "is one file with a row for each case"
    else:
        files = "has a file for each subject (`numpy.load(file)[key]`), with a leading axis over the subject's cases"
    yield from (
        f"Each folder {files}. `interface.py` says what each key is.",
        "",
        "| key | dtype | one case |",
        "|---|---|---|",
    )
    for key, column in cases.train.items():
        dtype, shapes = _dtype(column), sorted(set(case_shapes(column)))
        shape = " x ".join(map(str, shapes[0])) or "one number"
        more = f" and {len(shapes) - 1} other shapes" if len(shapes) > 1 else ""
        yield f"| `{key}` | {dtype} | {shape}{more} |"


def _marked(assignment: Assignment) -> Iterator[str]:
    papers = {paper.id: paper for paper in papers_of(assignment)}
    for criterion in assignment.criteria:
        points = f"{criterion.points} marks"
        if isinstance(criterion, HiddenTests):
            yield f"- {points}: hidden tests of your functions"
        elif isinstance(criterion, Accuracy):
            if isinstance(criterion.anchors, Unanchored):
                scale = f"{criterion.anchors.better} is better; which score earns what is still open"
            else:
                anchors = criterion.anchors.model_dump(by_alias=True)
                scale = ", ".join(f"{name} {value:g}" for name, value in anchors.items())
            how = "your `fit` is run on hidden training cases" if assignment.run.mode == "retrain" else "your weights"
            metric = metric_words(criterion.metric, criterion, assignment.data.classes)
            yield f"- {points}: {metric} on hidden cases ({how}): {scale}"
        elif isinstance(criterion, Person):
            paper = papers.get(criterion.id)
            file = f", from `{paper.file}`" if paper is not None else ""
            most = paper.max_pages if paper is not None else None
            pages = f", at most {most} page{'s' * (most > 1)}" if most else ""
            words = f", at most {criterion.max_words} words" if criterion.max_words else ""
            lines = ", by these lines:" if criterion.lines else ""
            yield f"- {points}: {criterion.id}, by a person{file}{pages}{words}{lines}"
            yield from rubric_text(criterion.lines)


def _colab(assignment: Assignment, *, trains: bool) -> Iterator[str]:
    upload = "the wheel and the archive of the cases" if trains else "the wheel"
    weights = '"weights", ' if trains else ""
    yield from (
        "## On Colab",
        "",
        f"Upload {upload}. No token is kept in the notebook: it asks for one.",
        "",
        "```python",
        "!git clone https://github.com/OWNER/REPOSITORY.git",
        f"%cd REPOSITORY/{assignment.id}",
        "!pip install /content/medmark-*.whl -r requirements.txt",
        *([f"!medmark check --data /content/{assignment.id}-data.zip", "!python train.py"] if trains else []),
        *([] if trains else ["!medmark check"]),
        "",
        "import getpass, subprocess",
        'token = getpass.getpass("GitHub token: ")',
        f'subprocess.run(["git", "add", "-f", {weights}"solution.py"], check=True)',
        'subprocess.run(["git", "-c", "user.name=Me", "-c", "user.email=me@example.org", "commit", "-m", "Work"])',
        'address = f"https://oauth2:{token}@github.com/OWNER/REPOSITORY.git"',
        'subprocess.run(["git", "push", address, "HEAD"], check=True)',
        "```",
        "",
    )
    if trains:
        yield (
            "Weights from a GPU load on the marker, which has only a CPU, if `load` says so: `torch.load(file, "
            'map_location="cpu")`.'
        )
        yield ""


def _packages(runtimes: Mapping[Framework, RuntimeFacts]) -> Iterator[str]:
    if names := sorted(_medical(runtimes)):
        having = {
            name: [framework for framework, facts in runtimes.items() if name in facts.packages] for name in names
        }
        words = [name if len(having[name]) == len(runtimes) else f"{name} ({having[name][0]})" for name in names]
        yield f"Your solution may import these too, since the marker has them: {', '.join(words)}."
        yield "`requirements.txt` has their versions, and `handout.json` those of all that the marker has."
        yield ""


def _medical(runtimes: Mapping[Framework, RuntimeFacts]) -> dict[str, str]:
    """The packages of medical imaging in any runtime."""
    return {name: version for facts in runtimes.values() for name, version in medical_among(facts.packages).items()}


def _requirements(runtimes: Mapping[Framework, RuntimeFacts], *, trains: bool) -> Iterator[str]:
    if trains:
        yield "# What train.py needs beside medmark. The versions are the marker's."
        yield "matplotlib"
    else:
        yield "# What a solution may import. The versions are the marker's."
    pins = [f"{name}=={version}" for name, version in map(_pin, runtimes.items()) if version and name != "numpy"]
    if len(pins) == 1:
        yield from pins
    elif pins:
        yield "# Of these, the one that FRAMEWORK in your solution.py names: take away its #."
        yield from (f"# {pin}" for pin in pins)
    if medical := [(name, version) for name, version in sorted(_medical(runtimes).items()) if name != "matplotlib"]:
        yield "# The marker has these too: take away the # of those that your solution uses."
        yield from (f"# {name}=={version.partition('+')[0]}" for name, version in medical)


def _pin(item: tuple[Framework, RuntimeFacts]) -> tuple[str, str]:
    framework, facts = item
    names = FRAMEWORK_PACKAGES[framework]
    versions = [facts.packages[name].partition("+")[0] for name in names if name in facts.packages]
    return names[0], versions[0] if versions else ""


def _dtype(column: Cases) -> str:
    return str(np.dtype(column.cases[0].dtype if isinstance(column, Column) else column.dtype))


def _number(cases: Mapping[str, Cases]) -> int:
    return len(next(iter(cases.values())))
