"""Where there is no GPU, the tests of `make test-gpu` did not run, and nobody shall take that for a pass.

Without a GPU they are skipped, the last line of the run says so, and the exit status is 0: whoever tests on many
machines needs no list of those with GPUs. With MEDMARK_REQUIRE_GPU=1 they fail instead, with exit status 1.
"""

import os

import pytest

from tests.gpu import machine

REQUIRED = os.environ.get("MEDMARK_REQUIRE_GPU") == "1"


@pytest.fixture(autouse=True)
def gpu():
    """The GPU that every test here needs."""
    if why := machine.trouble():
        needs(why)


@pytest.fixture
def framework_on_gpu():
    """Says that a framework can compute on the GPU: `framework_on_gpu("pytorch")`."""

    def check(framework):
        if why := machine.framework_trouble(framework):
            needs(why)
        return framework

    return check


@pytest.fixture
def real():
    """A GPU that computes: a rehearsal has none."""
    if machine.REHEARSAL:
        pytest.skip("MEDMARK_GPU_REHEARSAL=1: nothing computes on a GPU")


def needs(why):
    """Skip, or fail where a GPU is required."""
    if REQUIRED:
        pytest.fail(f"MEDMARK_REQUIRE_GPU=1, but {why}", pytrace=False)
    pytest.skip(why)


def pytest_unconfigure(config):
    """What the tests ran on, or that they did not run: after everything else that is printed."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    reports = [] if terminal is None else [report for each in terminal.stats.values() for report in each]
    if not any("tests/gpu/" in getattr(report, "nodeid", "") for report in reports):
        return
    write = terminal.write_line
    if why := machine.trouble():
        write(f"test-gpu did NOT run: {why}. Nothing was tested on a GPU.", red=True)
    elif machine.REHEARSAL:
        write("test-gpu did NOT run on a GPU: MEDMARK_GPU_REHEARSAL=1 has shown that its tests run.", red=True)
    else:
        gpus = "; ".join(f"{gpu.name} ({gpu.uuid})" for gpu in machine.granted().gpus)
        write(f"test-gpu ran in the sandbox {machine.sandbox()} on {gpus}")
        for framework in ("pytorch", "tensorflow"):
            if why := machine.framework_trouble(framework):
                write(f"test-gpu did NOT run for {framework}: {why}", red=True)
