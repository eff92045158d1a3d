"""The Dockerfile on a base image, run by `make test-dockerfile`, which names image and base in DOCKERFILE_TEST.

It is heavy (a base image, gigabytes of wheels), so plain `make test` leaves it out.
"""

import os
import shutil
from pathlib import Path

import pytest

from assignments.assignment import Limits
from graders.wall.sandboxes import images, runtime_records
from graders.wall.sandboxes.docker import Docker
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session

pytestmark = [pytest.mark.docker, pytest.mark.slow]


def test_an_image_of_the_dockerfile_holds_the_lock_and_answers(engine, tmp_path):
    if "DOCKERFILE_TEST" not in os.environ:
        pytest.skip("make test-dockerfile runs this")
    framework, base, wheels = os.environ["DOCKERFILE_TEST"].split()
    built = images.build(framework, base_image=base, wheels=Path(wheels))
    locked = runtime_records.locked(framework)
    assert {name: built.packages[name].split("+")[0] for name in locked} == locked
    assert (built.made_from, built.mounts, built.python) == (base, (), "/opt/runtime/bin/python")
    assert "pip" not in built.packages

    tmp_path.chmod(0o755)
    shutil.copy(Path(__file__).parent / "behaviours" / "solution.py", tmp_path)
    with Docker().open(SandboxSpec(tmp_path, framework, Limits())) as channel:
        session = Session(channel, Limits())
        assert session.begin()["framework"] == framework
        worker = session.worker(20)
        request = {"do": "call", "name": "add", "on": None, "args": [40, 2], "kwargs": {"d": {}}}
        assert session.call(worker, {**request, "tensors": False, "arrays": []}, [])[0] == 42
