"""What only the local sandbox has: it needs a folder of this machine."""

import errno
import tempfile
from pathlib import Path

import pytest

from assignments.assignment import Limits
from graders.failures import EngineFailure
from graders.wall.sandboxes.local import Local
from graders.wall.sandboxes.sandbox import SandboxSpec


@pytest.mark.parametrize(("owner", "name"), [(tempfile, "mkdtemp"), (Path, "mkdir")])
def test_a_full_disk_is_the_engines_failure_and_leaves_nothing(tmp_path, monkeypatch, owner, name):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(owner, name, full)
    with pytest.raises(EngineFailure, match="No space left"), Local().open(SandboxSpec(tmp_path, "numpy", Limits())):
        pass
    assert list(tmp_path.iterdir()) == []
