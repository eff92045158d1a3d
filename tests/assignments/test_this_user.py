"""A user without a name and without a home: a number in a container, or while the directory service is down."""

from __future__ import annotations

import getpass
import os
import pwd
from pathlib import Path

import pytest

from assignments.folders import find
from assignments.load import AssignmentError
from assignments.this_user import expand_home, home_folder, login
from graders.failures import ImageFailure
from graders.intake.hardened_git import Reach
from graders.intake.own_settings import own_settings
from graders.wall.sandboxes import images, runtime_records


@pytest.fixture
def nobody(monkeypatch):
    """As `docker run --user 12345` leaves a process: no name, no home."""
    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "MEDMARK_HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(who):
        raise KeyError(f"getpwuid(): uid not found: {who}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    with pytest.raises((KeyError, OSError)):  # the control: the name is unknown, as in such a container
        getpass.getuser()


def test_without_a_name_the_login_is_the_number(nobody):
    assert login() == f"uid {os.getuid()}"


def test_without_a_home_a_tilde_stays(nobody):
    assert home_folder() is None
    assert expand_home("~/data") == Path("~/data")
    with pytest.raises(AssignmentError, match="neither an assignment of the catalogue nor a folder"):
        find("~/mine", Path("/"))


def test_without_a_home_runtimes_ask_for_a_folder(nobody, monkeypatch, tmp_path):
    for ask in (runtime_records.home, lambda: runtime_records.runtime("numpy"), runtime_records.listed):
        with pytest.raises(ImageFailure, match="export MEDMARK_HOME="):
            ask()
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "place"))
    assert runtime_records.listed() == ()


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_built(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "file/place"))
    with pytest.raises(ImageFailure, match=r"file/place: cannot be written .*export MEDMARK_HOME="):
        images.build_from_host("numpy")
    assert runtime_records.listed() == ()


def test_a_clone_of_a_user_without_a_home_is_read_without_their_settings(nobody, tmp_path):
    settings = own_settings(tmp_path / "none.git", tmp_path, Reach())
    assert settings.patterns == {}
