"""The worked examples of docs/data.md: each folder is made, its block is read, and the page has what is printed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.commands import ROOT, typed
from tests.example_folders import EXAMPLES, main

HOME = "/home/ada"
"""Where the page's folders lie."""


def sections():
    """Headings and texts of the worked examples, after the assignment that all of them complete."""
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8").split("## Worked examples\n", 1)[1]
    head, *examples = re.split(r"^### ", text, flags=re.M)
    return head, dict(example.split("\n", 1) for example in examples)


def blocks(text, language=""):
    """The code blocks of this language."""
    return [code for name, code in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S) if name == language]


HEAD, SECTIONS = sections()


def write_example(body, home):
    """Make the folder of an example by its own command, and the assignment around its block."""
    for name, folder in re.findall(r"^    python -m tests\.example_folders (\w+) (\w+)$", body, re.M):
        assert main([name, str(home / folder)]) == 0
    assignment = home / "my_assignment"
    assignment.mkdir()
    (assignment / "brief.md").write_text("Segment.\n")
    (skeleton,), (block,) = blocks(HEAD, "toml"), blocks(body, "toml")
    toml = re.sub(r"^# here .*$", lambda _: block, skeleton, flags=re.M)
    assert block in toml
    (assignment / "assignment.toml").write_text(toml)
    for name, code in zip(re.findall(r"^`my_assignment/(\w+\.py)`:$", body, re.M), blocks(body, "python"), strict=True):
        (assignment / name).write_text(code)


def run(words, home):
    """What a command prints, as if the folders lay where the page has them."""
    output = typed(words, home, {**os.environ, "MEDMARK_HOME": str(home / "cache")})
    assert output.code == 0, output.err
    return [line.rstrip().replace(str(home), HOME) for line in output.out.splitlines()]


def printed(body):
    """The commands of an example, each with the lines that the page says it prints."""
    for block in blocks(body):
        if block.startswith("$ "):
            for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
                command, *lines = part.splitlines()
                yield command.split(), lines


def assert_shortened(lines, output):
    """Lines follow each other in the output as on the page; `...` stands for any others."""
    at = skipped = 0
    for line in lines:
        if line == "...":
            skipped = True
            continue
        assert line in output[at:], f"{line!r} is not printed; printed is\n" + "\n".join(output)
        index = output.index(line, at)
        assert skipped or index == at, f"before {line!r} the page leaves out {output[at:index]}"
        at, skipped = index + 1, False


@pytest.fixture(scope="module", params=SECTIONS)
def example(request, tmp_path_factory):
    """The text of an example, and the folder in which its folders lie."""
    home = tmp_path_factory.mktemp("home")
    write_example(SECTIONS[request.param], home)
    return SECTIONS[request.param], home


def test_the_files_of_an_example_are_those_that_the_page_lists(example):
    body, home = example
    for line in "".join(block for block in blocks(body) if not block.startswith("$ ")).splitlines():
        if not line.startswith(" "):
            name, _, rest = line.partition(" ")
            assert (home / name).is_file(), name
            if name.endswith("cases.csv"):
                assert (home / name).read_text().splitlines()[0] == rest.strip()


def test_an_example_prints_what_the_page_says_and_can_be_split(example):
    body, home = example
    commands = list(printed(body))
    assert commands
    for (program, *words), lines in commands:
        assert program == "medmark"
        assert_shortened(lines, run(words, home))
    if "def draw(" in body:
        return
    output = run(["data", "my_assignment", "--split"], home)
    assert re.fullmatch(r"\d+ subjects: \d+ for training.*, \d+ hidden", output[0])
    assert output[-1] == f"{HOME}/my_assignment/split.csv"
    assert any(line.startswith(" hidden ") for line in run(["data", "my_assignment"], home))


def test_a_course_can_set_the_blocks_of_the_catalogue_as_the_page_has_them(tmp_path):
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    section = page.split("## The catalogue on your patients\n", 1)[1].split("\n## ", 1)[0]
    data, anchors = blocks(section, "toml")
    ids = re.findall(r"^\[assignments\.(\w+)\.data\]", data, re.M)
    assert len(ids) == 4
    folders = dict(re.findall(r"example_folders (\w+) (\w+)$", "".join(SECTIONS.values()), re.M))
    for name in ("promise12_npy", "ucl_frames", "brain_pairs", "paired_mr"):
        assert main([name, str(tmp_path / folders[name])]) == 0
    run(["init", "course"], tmp_path)
    course = tmp_path / "course"
    (course / "roster.csv").write_text("group,member,name,email,repository\ng,m,Ann,a@b.org,https://example.org/g\n")
    assignments = "".join(f'[assignments.{id}]\nsource = "{id}"\ndeadline = 2030-01-15T12:00:00\n' for id in ids)
    with (course / "course.toml").open("a") as file:
        file.write(f"\n{assignments}\n{data}\n{anchors}")
    for id in ids:
        output = run(["data", id, "-c", "course", "--split", "--yes"], tmp_path)
        assert re.fullmatch(r"\d+ subjects: \d+ for training.*, \d+ hidden", output[0])
    doctor = typed(["doctor", "-c", "course"], tmp_path, {**os.environ, "MEDMARK_HOME": str(tmp_path / "cache")})
    for id in ids:
        assert re.search(rf"^ok +assignment {id}: \d+ subjects", doctor.out, re.M), doctor.out


def test_every_folder_that_the_script_makes_has_an_example():
    named = [name for body in SECTIONS.values() for name in re.findall(r"example_folders (\w+)", body)]
    assert sorted(named) == sorted(EXAMPLES)


def test_a_folder_that_is_there_is_never_written_into(tmp_path, capsys):
    assert main(["nifti", str(tmp_path)]) == 2
    assert "FOLDER must not exist" in capsys.readouterr().out
    assert list(Path(tmp_path).iterdir()) == []
