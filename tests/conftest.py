"""Commands that are typed in this process, and Docker for the tests that need it.

With MEDMARK_REQUIRE_DOCKER=1 no test of Docker can skip, and with MEDMARK_REQUIRE_ROOTLESS="bubblewrap podman" none of
these sandboxes: such a skip is a failure.
"""

import os
import tempfile

import pytest

from graders.failures import ToolkitFailure
from graders.wall.sandboxes.docker import Docker
from graders.wall.sandboxes.rootless import PROGRAMS, Rootless, trouble

LONG = [
    "tests/test_demo.py", "tests/reports/test_accessibility.py", "tests/test_real_data.py", "tests/test_cli.py",
    "tests/test_wheels.py", "tests/graders/runs/engines/test_current_folder.py", "tests/test_own_patients.py",
    "tests/test_without_cases.py", "tests/graders/runs/test_cohort.py", "tests/reports/test_pdf.py",
    "tests/graders/runs/test_nbgrader_running.py", "tests/test_people.py", "tests/test_decide.py",
    "tests/test_export_board.py", "tests/reports/board/test_anonymity.py", "tests/reports/test_site.py",
    "tests/test_notebook_handed_in.py", "tests/test_cli_site.py", "tests/graders/authoring/test_given_code.py",
    "tests/test_python.py", "tests/reports/board/test_export.py", "tests/attacks/test_repositories.py",
]  # fmt: skip
"""Files that take longest, often with few tests: they begin first, so that none runs alone at the end."""
READABLE = 40
"""Bytes of a parameter that stand in a test's name as they are."""
REQUIRED = os.environ.get("MEDMARK_REQUIRE_DOCKER") == "1"


def pytest_configure(config):
    """Values that are cached to save time stay in this run of the tests, not in the user's cache."""
    cache = tempfile.TemporaryDirectory(prefix="medmark-tests-")
    config.add_cleanup(cache.cleanup)
    os.environ["XDG_CACHE_HOME"] = cache.name


def pytest_collection_modifyitems(items):
    """The order in which pytest-xdist hands out files, with `--no-loadscope-reorder`."""
    rank = {file: number for number, file in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(LONG)))


def pytest_make_parametrize_id(val):
    """A file's content does not name a test: it may hold the time, and two processes have to name tests alike."""
    return f"{len(val)} bytes" if isinstance(val, bytes) and len(val) > READABLE else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if REQUIRED and report.skipped and item.get_closest_marker("docker") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"MEDMARK_REQUIRE_DOCKER=1, but this test was skipped: {report.longrepr[-1]}"
    return report


@pytest.fixture
def typed(capsys, monkeypatch):
    """Types a command in this process: for what ends before anything starts, and for what a test replaces."""
    import cli
    from tests.commands import CommandOutput
    from tests.small_course import environment

    def type_(*words, cwd=None):
        monkeypatch.setattr("sys.argv", ["medmark", *map(str, words)])
        monkeypatch.setenv("COLUMNS", environment()["COLUMNS"])
        if cwd is not None:
            monkeypatch.chdir(cwd)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return CommandOutput(ended.value.code, *capsys.readouterr())

    return type_


@pytest.fixture(scope="session")
def engine():
    """The Docker engine in a few words; skips where none answers."""
    try:
        return Docker().about()
    except ToolkitFailure as failure:
        pytest.skip(str(failure))


@pytest.fixture(scope="session")
def images(built_images):
    """The same as `built_images`; attacks on another wall have another one."""
    return built_images


@pytest.fixture(scope="session")
def built_images(engine):
    """Says that the runtime image of a framework is there, and skips where it is not: `images("pytorch")`."""

    def built(*frameworks):
        for framework in frameworks:
            try:
                Docker().runtime(framework)
            except ToolkitFailure as failure:
                pytest.skip(str(failure))

    return built


@pytest.fixture(scope="session")
def folders():
    """Says that a sandbox without a daemon can start, and skips where it cannot: `folders("podman", "numpy")`."""

    required = os.environ.get("MEDMARK_REQUIRE_ROOTLESS", "").split()

    def built(program, *frameworks):
        missing = [trouble(PROGRAMS[program])]
        for framework in frameworks:
            try:
                Rootless(PROGRAMS[program]).runtime(framework)
            except ToolkitFailure as failure:
                missing.append(str(failure))
        if why := "; ".join(filter(None, missing)):
            pytest.fail(f"MEDMARK_REQUIRE_ROOTLESS={program}, but {why}") if program in required else pytest.skip(why)

    return built
