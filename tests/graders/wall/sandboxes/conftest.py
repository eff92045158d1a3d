"""A runtime's lock that holds one tiny package, so that a runtime is built in seconds."""

import shutil

import pytest

from graders.wall.sandboxes import images, runtime_contents, runtime_records
from tests.graders.wall.sandboxes.wheels import TINY, make_wheel


@pytest.fixture
def lock(tmp_path, monkeypatch):
    """A lock that says `tiny==1.0`, with its wheel; nothing is built yet."""
    recipes = tmp_path / "recipes"
    shutil.copytree(runtime_records.RECIPES, recipes)
    (recipes / "numpy.lock").write_text("# a comment\ntiny==1.0\n")
    for module in (images, runtime_records):
        monkeypatch.setattr(module, "RECIPES", recipes)
    monkeypatch.setattr(runtime_contents, "proof", lambda framework, kind: ("tiny",))
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    make_wheel(tmp_path / "wheels", "tiny", TINY)
    return recipes / "numpy.lock"
