"""`make test-gpu` on a machine without a GPU says loudly that it did not run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.graders.wall.sandboxes.nvidia import MISMATCH, nvidia_smi

ROOT = Path(__file__).parents[1]
RUN = [sys.executable, "-m", "pytest", "tests/gpu", "-m", "gpu", "-k", "sees_no_gpu"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """What the target's command prints, and its exit status, where `nvidia-smi` fails."""
    nvidia_smi(tmp_path, monkeypatch, MISMATCH, code=18)

    def run(**environment):
        done = subprocess.run(
            RUN, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment}, timeout=300, check=False
        )
        return done.returncode, done.stdout

    return run


def test_without_a_gpu_it_says_that_it_did_not_run_and_why_and_ends_with_0(run):
    code, text = run()
    assert code == 0
    last = text.strip().splitlines()[-1]
    assert re.fullmatch(r"test-gpu did NOT run: .*version mismatch.*\. Nothing was tested on a GPU\.", last)
    assert "2 skipped" in text
    assert "passed" not in text


def test_where_a_gpu_is_required_it_fails(run):
    code, text = run(MEDMARK_REQUIRE_GPU="1")
    assert code == 1
    assert "MEDMARK_REQUIRE_GPU=1, but the GPUs cannot be used" in text
    assert "test-gpu did NOT run" in text


def test_the_target_runs_this_command_and_no_other_target_runs_its_tests():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "-m pytest tests/gpu -m gpu $(PYTEST_ARGS)" in makefile
    selections = re.findall(r'-m "([^"]*)"', makefile)
    assert selections
    assert all("not gpu" in words or words.startswith(("attack", "rootless")) for words in selections)
    assert "slow" not in (ROOT / "tests/gpu/test_gpu.py").read_text(encoding="utf-8")
