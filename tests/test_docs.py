"""The documentation is a target of the tests: what exists is documented, and what is documented exists."""

import ast
import importlib.util
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

import cli
from assignments.assignment import Assignment
from assignments.data.sources import SOURCES
from assignments.misconceptions import Misconception
from graders.course import people_lists, roster_columns
from graders.course.course import Course
from graders.metrics import METRICS
from graders.tasks import TASKS
from graders.wall.sandboxes import SANDBOXES
from reports.exports import EXPORTS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SET_BY_THE_LOADER = {"folder", "own_data", "groups", "roster_problems", "roster_notes"}


def generator():
    spec = importlib.util.spec_from_file_location("commands_page", DOCS / "commands.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMMANDS = dict(generator().leaves(get_command(cli.app), ()))
WORDS = {words[0] for words in COMMANDS}


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def keys_of(model):
    """Every key that a TOML file of this model may hold, those of its tables too."""
    for name, field in model.model_fields.items():
        if name not in SET_BY_THE_LOADER:
            yield field.alias or name
            for inner in models_in(field.annotation):
                yield from keys_of(inner)


def models_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from models_in(argument)


def quoted(page):
    """The words that a page sets as code."""
    blocks = re.findall(r"```.*?```", page, re.S)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", page, flags=re.S))
    return set(re.findall(r"\w+", " ".join([*blocks, *spans])))


def names_table(page, first):
    """The first column of the table whose first header is `first`, the names in it apart."""
    rows = page.split(f"| {first} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`([\w@.]+)`", row.split("|")[1])}


def test_the_page_of_commands_is_the_one_their_help_makes():
    assert text("docs/commands.md") == generator().page(), "run: python docs/commands.py > docs/commands.md"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_says_what_it_does_and_what_each_option_means(words):
    command = COMMANDS[words]
    assert command.help
    for param in command.params:
        assert param.help, f"{' '.join(words)} {param.name} has no help"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_first_sentence_of_a_command_fits_its_line_on_80_columns(words):
    sentence = COMMANDS[words].help.split("\n\n")[0]
    assert sentence.endswith(".")
    assert len(sentence) <= 66


@pytest.mark.parametrize(
    ("page", "model"),
    [("docs/assignment.md", Assignment), ("docs/course.md", Course), ("docs/assignment.md", Misconception)],
)
def test_every_key_of_a_toml_file_is_documented(page, model):
    assert set(keys_of(model)) - quoted(text(page)) == set()


def test_every_column_of_the_roster_is_documented():
    assert names_table(text("docs/course.md"), "column") == {
        *roster_columns.REQUIRED,
        *roster_columns.OPTIONAL,
    }


def test_every_list_that_an_import_reads_is_documented_and_in_the_help():
    kinds = {kind.id for kind in people_lists.KINDS}
    table = text("docs/course.md").split("| kind | list |", 1)[1].split("\n\n", 1)[0]
    assert set(re.findall(r"^\| `([\w-]+)`", table, re.M)) == kinds
    (option,) = [param for param in COMMANDS["roster", "import"].params if param.name == "kind"]
    assert set(re.findall(r"[\w-]+", option.help)) >= kinds


@pytest.mark.parametrize(
    ("first", "family"), [("metric", METRICS), ("task", TASKS), ("source", SOURCES)], ids=["metric", "task", "source"]
)
def test_the_names_of_a_family_are_those_of_its_table(first, family):
    assert names_table(text("docs/assignment.md"), first) == set(family)


def test_every_sandbox_is_documented():
    assert set(SANDBOXES) <= quoted(text("docs/course.md"))


def test_every_exit_code_of_the_command_line_is_documented():
    assert set(re.findall(r"\d+", cli.__doc__)) == {
        code for row in text("docs/commands.md").splitlines() for code in re.findall(r"^\| (\d+) \|", row)
    }


def messages():
    """Every piece of text in the toolkit's code that is no docstring, with its file."""
    packages = [ROOT / "assignments", ROOT / "graders", ROOT / "reports"]
    for file in [ROOT / "cli.py", *(path for package in packages for path in package.rglob("*.py"))]:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
                yield file.relative_to(ROOT).as_posix(), node.value


def test_a_command_that_a_message_names_exists():
    named = {
        (file, word)
        for file, said in messages()
        for word in re.findall(r"(?:: |; |\(|\brun |\bsay )medmark ([a-z]+)", said)
    }
    assert {item for item in named if item[1] not in WORDS} == set()
    assert ("graders/runs/plan.py", "grade") in named  # the pattern finds what it is to find


NAMED = re.compile(r"`((?:assignments|graders|reports)(?:\.\w+)+|(?:assignments|graders|reports|tests)/[\w./]+\.py)`")


def is_there(name):
    """Whether a module, something in one, or a file of that name exists."""
    if "/" in name:
        return (ROOT / name).is_file()
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:count])
        file = place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"
        if file.is_file():
            source = file.read_text(encoding="utf-8")
            return all(re.search(rf"\b{part}\b", source) for part in parts[count:])
    return False


def test_a_module_that_a_page_or_a_comment_names_is_there():
    """A move leaves no sign to where something was."""
    packages = [path for name in ("assignments", "graders", "reports") for path in (ROOT / name).rglob("*.py")]
    named = {
        (file.relative_to(ROOT).as_posix(), name)
        for file in [ROOT / "cli.py", *packages, *(ROOT / page for page in PAGES)]
        for name in NAMED.findall(file.read_text(encoding="utf-8"))
    }
    assert {item for item in named if not is_there(item[1])} == set()
    assert ("CONTRIBUTING.md", "assignments/errors.py") in named  # the pattern finds what it is to find


PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(page.relative_to(ROOT)) for page in DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES)
class TestAPage:
    def test_names_commands_and_make_targets_that_exist(self, page):
        code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`|^    [^\n]*$", text(page), re.S | re.M))
        targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.M))
        assert set(re.findall(r"\bmedmark ([a-z]+)\b", code)) - WORDS == set()
        assert set(re.findall(r"\bmake ([a-z-]+)\b", code)) - targets == set()

    def test_names_options_that_their_command_has(self, page):
        for line in re.findall(r"^.*\bmedmark [a-z]+ .*$", text(page), re.M):
            for call in re.findall(r"\bmedmark ((?:image )?[a-z]+)([^`#|>]*)", line):
                command = COMMANDS.get(tuple(call[0].split()))
                if command is not None:
                    known = {"--help", *(name for param in command.params for name in param.opts)}
                    assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", call[1])) - known == set(), line

    def test_links_to_files_that_exist(self, page):
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text(page))
        assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_every_page_of_docs_can_be_reached_from_the_readme():
    reached, waiting = set(), {ROOT / "README.md"}
    while waiting:
        page = waiting.pop()
        reached.add(page)
        for link in re.findall(r"\]\(([^)#:]+\.md)", page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            if target not in reached:
                waiting.add(target)
    pages = {page for page in DOCS.rglob("*.md") if page.parent.name != "decisions"}
    assert pages - reached == set()


def test_help_imports_nothing_heavy_and_is_quick():
    heavy = [
        "numpy", "scipy", "sklearn", "pandas", "openpyxl", "psutil", "pydantic", "pytest", "docker", "git", "jinja2",
        "torch",
    ]  # fmt: skip
    script = (
        "import sys; sys.argv = ['medmark', '--help']\n"
        "import cli\n"
        "try: cli.main()\n"
        "except SystemExit as done: assert done.code == 0\n"
        f"print('HEAVY', [name for name in {heavy} if name in sys.modules])\n"
        "import time; print('CPU', time.process_time())\n"
    )

    def cpu_s():
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        assert "HEAVY []" in done.stdout
        return float(done.stdout.rpartition("CPU ")[2])

    assert any(cpu_s() < 0.3 for _ in range(5))  # a busy machine doubles CPU time, and never shortens it


def test_the_page_of_exports_says_of_each_format_by_what_its_rules_are_known():
    rows = [line for line in text("docs/exports.md").splitlines() if line.startswith("| `")]
    evidence = {name: export.evidence.split(";")[0] for name, export in EXPORTS.items()}
    assert rows == [f"| `{name}` | {EXPORTS[name].title} | {evidence[name]} |" for name in EXPORTS]
