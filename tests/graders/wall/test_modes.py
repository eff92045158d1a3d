"""Files for containers can be read by everybody, and lose no right."""

from __future__ import annotations

import os

import pytest

from graders.wall.modes import make_readable
from graders.wall.sandboxes.host_runtime import _empty


@pytest.fixture(params=[0o077, 0o027, 0o022])
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path):
    return oct(path.stat().st_mode & 0o777)


def test_everybody_can_read_a_folder_and_all_below_it(tmp_path):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    modes = {"text": 0o600, "shared": 0o660, "program": 0o700, "deep/closed": 0o400}
    for name, bits in modes.items():
        (folder / name).touch()
        (folder / name).chmod(bits)
    for path in (folder / "deep", folder):
        path.chmod(0o700)
    outside = tmp_path / "outside"
    outside.touch(0o600)
    (folder / "link").symlink_to(outside)
    make_readable(folder)
    assert {name: mode(folder / name) for name in (".", "deep", *modes)} == {
        ".": "0o755", "deep": "0o755", "text": "0o644", "shared": "0o664", "program": "0o755", "deep/closed": "0o444",
    }  # fmt: skip
    assert mode(outside) == "0o600"


def test_the_empty_folder_that_covers_a_runtime_s_packages_is_open_under_any_umask(tmp_path, umask):
    assert mode(_empty(tmp_path / "home")) == "0o755"
