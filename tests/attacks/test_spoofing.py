"""Class S: code that would rather look right than be right, or that looks for tests, labels and expected values.

Each attack is a file of `solutions/`, put behind an honest base. Its control is `naive.py`, a grader without a wall;
then all of them hand in to one course, which is collected, marked and reported by the commands.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from tests.attacks.course import FULL, NEARLY, RIGHT, SLOW, WRONG, attacked, solution
from tests.attacks.naive import ALL, end, naive, processes_called
from tests.attacks.walls import behind_the_wall
from tests.small_course import medmark

SOLUTIONS = Path(__file__).parent / "solutions"
CANARIES = [b"canary-in-the", b"0.61803398", b"0.8421357", b"\xf9\x95\x57\x3f"]
"""In hidden tests, expected values, labels, and every hidden input: as digits, and as the bytes of a float32."""


HONEST = {"right": RIGHT, "wrong": WRONG, "nearly": NEARLY, "slow": SLOW}


@dataclass(frozen=True)
class Try:
    """One attack."""

    file: str
    tries: str
    base: str = "wrong"
    """Name of the honest solution it is put behind; it may earn what that earns, and no more."""
    control: str = "full"
    """What the naive grader shows: `full` marks, `exit` code only, `loot`, or `some` marks."""
    beside: tuple[str, ...] = ()
    """Names under which the file lies beside the solution, instead of in it."""

    @property
    def group(self) -> str:
        return self.file.removesuffix(".py").lower().replace("_", "-")

    @property
    def files(self) -> dict[str, str]:
        text = (SOLUTIONS / self.file).read_text(encoding="utf-8")
        if self.beside:
            beside = {f"target/{name}": SETTINGS.get(name, text) for name in self.beside}
            return solution(HONEST[self.base]) | beside
        return solution(f"{HONEST[self.base]}\n\n{text}")


SETTINGS = {
    "pytest.ini": "[pytest]\naddopts = --continue-on-collection-errors\n",
    "tox.ini": "[pytest]\naddopts = --continue-on-collection-errors\n",
    "start.pth": "import sitecustomize\n",
}
CONFIGURED = ("conftest.py", "pytest.ini", "tox.ini")
AT_START = ("sitecustomize.py", "usercustomize.py", "ipython_config.py", "nbgrader_config.py", "start.pth")
SHADOWS = ("numpy.py", "worker.py", "values.py", "graders/__init__.py")
ENDS = ("json.py", "struct.py", "math.py", "pytest.py")
TRIES = [
    Try("S01_walks_the_disk.py", "reads hidden tests and labels from the disk", control="loot"),
    Try("S02_always_equal.py", "answers with a float that agrees with everything"),
    Try("S02_subclasses.py", "answers with lying ndarray and int, and an object that claims to be a float"),
    Try("S03_exits_at_import.py", "ends with status 0 while it is imported", control="exit"),
    Try("S03_exits_at_exit.py", "turns its exit status into 0", control="exit"),
    Try("S03_exits_in_a_call.py", "ends with status 0 in a call; raises SystemExit(0)", control="exit"),
    Try("S04_rewrites_reports.py", "patches the reports of the test runner"),
    Try("S04_replaces_the_answering.py", "replaces the marker's own modules in its process"),
    Try("S05_conftest.py", "ships conftest.py, pytest.ini and tox.ini", beside=CONFIGURED),
    Try("S05_sitecustomize.py", "ships sitecustomize.py, a .pth and configurations of notebooks", beside=AT_START),
    Try("S06_writes_the_result.py", "writes the result file itself"),
    Try("S07_patches_numpy.py", "patches comparisons of numpy and math", "nearly"),
    Try("S08_stops_the_clock.py", "stops the clock", "slow"),
    Try("S09_numpy.py", "ships numpy.py and modules called like the marker's", "nearly", beside=SHADOWS),
    Try("S09_json.py", "ships json.py, math.py and pytest.py that end the process", control="exit", beside=ENDS),
    Try("S10_peeks_at_the_caller.py", "reads expected values from the frames above"),
    Try("S11_skips_the_bodies.py", "finds the runner by gc, and has it skip the tests' bodies"),
    Try("S12_writes_later.py", "leaves a process that changes the result later"),
    Try("S13_launders_the_outcome.py", "raises what a runner takes for skipped"),
    Try("S14_walks_the_heap.py", "searches the heap and all modules for the tests", control="loot"),
    Try("S15_reads_processes.py", "reads environment, descriptors and memory of processes", control="loot"),
    Try("S16_memorises.py", "looks training cases up by their hash, and learns nothing", control="some"),
    Try("S24_hooks_imports.py", "hooks imports and replaces what numpy compares with", "nearly"),
]  # fmt: skip
CONFIG_FILES = {
    "S05_conftest.py": CONFIGURED,
    "S05_sitecustomize.py": AT_START,
    "S09_numpy.py": SHADOWS[:1],
    "S09_json.py": ENDS,
}
LIES_ABOUT_ITS_FRAMEWORK = WRONG.replace('FRAMEWORK = "numpy"', 'FRAMEWORK = "tensorflow"')


@pytest.fixture(scope="module")
def course(images, tmp_path_factory):
    """All of them, and the honest ones, in one course marked in containers."""
    images("numpy")
    groups = {attempt.group: attempt.files for attempt in TRIES}
    groups |= {f"honest-{name}": solution(text) for name, text in HONEST.items()}
    groups |= {"s25-framework": solution(LIES_ABOUT_ITS_FRAMEWORK)}
    return attacked(tmp_path_factory.mktemp("spoofing") / "course", groups)


def loot(mark):
    """What the solution printed of what it found, as staff may read it."""
    return re.findall(r"LOOT (.*)", "\n".join(finding["evidence"] or "" for finding in mark["findings"]))


@behind_the_wall
@pytest.mark.attack("S00", "nothing: honest groups, for comparison")
def test_honest_groups_of_that_course_get_what_they_earn(attack, course):
    got = {name: naive(solution(text)).by_counts for name, text in HONEST.items()}
    expected = {"right": ALL, "wrong": 0, "nearly": ALL - 1, "slow": ALL - 1}
    attack.fired(got == expected, f"without a wall {expected} of {ALL}")
    tests = {name: course.points(f"honest-{name}", "tests") for name in HONEST}
    assert tests == {"right": FULL, "wrong": 0, "nearly": FULL - 10, "slow": FULL - 10}
    learnt = {name: course.points(f"honest-{name}", "accuracy") for name in HONEST}
    assert learnt["right"] == learnt["nearly"] == learnt["slow"] > 40
    assert learnt["wrong"] == 0
    attack.came_to(f"tests {tests}, accuracy {learnt}")


@behind_the_wall
@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(attempt, marks=pytest.mark.attack(attempt.file[:3], attempt.tries), id=attempt.group)
        for attempt in TRIES
    ],
)
def test_an_attack_earns_what_its_base_earns_and_finds_nothing(attack, course, attempt):
    control(attack, attempt)
    mark = course.marks[attempt.group]
    loot_found = loot(mark)
    honest = course.points(f"honest-{attempt.base}")
    points = course.points(attempt.group)
    attack.came_to(f"{points:g} points, {honest:g} honestly; {'; '.join(loot_found)[:120]}".strip("; "))
    assert mark["status"] == "marked"
    assert course.points(attempt.group) == honest
    assert not [line for line in loot_found if re.search(r"canary|0\.6180|hidden_test", line)]
    assert loot_found or "LOOT" not in "".join(attempt.files.values()), "it did not get as far as to look"


def control(attack, attempt):
    """The attack against the grader without a wall."""
    alive = []
    without = naive(attempt.files, lambda: alive.extend(processes_called("mm-late-writer")))
    end(alive)
    how = f"without a wall {without.by_exit_code} of {ALL} by exit code, {without.by_counts} by the JUnit file"
    match attempt.control:
        case "full":
            attack.fired(without.by_counts == ALL, how)
        case "exit":
            attack.fired(without.by_exit_code == ALL, how)
        case "some":
            attack.fired(without.by_counts == 1, f"{how}, which tests on what it trained on")
        case "loot":
            attack.fired("canary-in-the-tests" in without.output, "without a wall it carried out the canaries")
    if attempt.file.startswith("S12"):
        assert alive, "the control's late writer was gone before it could be counted"


@behind_the_wall
@pytest.mark.attack("S05", "whatever configures tools or shadows modules is told to staff")
def test_files_that_configure_tools_are_flagged_to_staff_alone(attack, course):
    attack.fired(
        all(naive(attempt.files).by_exit_code == ALL for attempt in TRIES if attempt.file in CONFIG_FILES),
        "a grader without a wall is configured by each of them",
    )
    flagged = {
        file: set(course.marks[attempt.group]["provenance"]["flags"])
        for attempt in TRIES for file in [attempt.file] if file in CONFIG_FILES
    }  # fmt: skip
    attack.came_to(f"{sum(map(len, flagged.values()))} flags")
    for file, names in CONFIG_FILES.items():
        assert {f"holds {name}" for name in names} <= flagged[file]
    assert b"holds conftest.py" not in course.outputs["student"].out.encode()


@behind_the_wall
@pytest.mark.attack("S01", "anything of tests, labels or inputs in what a student gets")
def test_no_canary_is_in_anything_that_a_student_gets(attack, course):
    secret = [path.read_bytes() for path in sorted((course.folder / "target").rglob("*.py"))]
    attack.fired(any(CANARIES[0] in text for text in secret), "the hidden files of the course hold them")
    shown = course.in_the_open()
    attack.came_to(f"{len(shown):,} bytes of pages, receipts and JSON searched")
    assert len(shown) > 100_000
    assert not [canary for canary in CANARIES if canary in shown]
    staff = course.outputs["json"].out
    assert "canary-in-the" not in staff, "not even what solutions printed holds one"


@behind_the_wall
@pytest.mark.attack("S12", "a process that outlives its verdict")
def test_no_process_or_container_outlives_its_verdict_and_no_mark_changes_later(attack, course, engine):
    left, alive = processes_called("mm-late-writer"), []
    late = next(attempt for attempt in TRIES if attempt.file.startswith("S12"))
    naive(late.files, lambda: alive.extend(processes_called("mm-late-writer")))
    end(alive)
    attack.fired(bool(alive), f"{len(alive)} such process found after a grader without a wall gave its verdict")
    api = docker.APIClient()
    containers = api.containers(all=True, filters={"label": "medmark.course"})
    api.close()
    own_courses = [container["Labels"]["medmark.course"] for container in containers]
    again = medmark("grade", "target", "-c", course.folder, "--json")
    same = json.loads(again.out)["marks"] == json.loads(course.outputs["json"].out)["marks"]
    attack.came_to(f"{len(left)} processes, marks {'as they were' if same else 'CHANGED'}")
    assert left == []
    assert str(course.folder) not in own_courses
    assert same


@behind_the_wall
@pytest.mark.attack("S25", "names a framework that the assignment does not offer")
def test_a_framework_that_is_not_offered_is_not_run(attack, course):
    from graders.intake.source import source_of

    named = source_of(LIES_ABOUT_ITS_FRAMEWORK.encode()).framework
    attack.fired(named == "tensorflow", "the line is read as the group's own word")
    attack.came_to(f"{course.points('s25-framework'):g} points; {set(course.reasons('s25-framework'))}")
    assert course.points("s25-framework") == 0
