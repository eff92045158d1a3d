"""Which ids a sandbox without a daemon gives to workers, and what it says where there are none."""

import os

import pytest

from graders.failures import EngineFailure
from graders.wall.sandboxes import user_ids as module
from graders.wall.sandboxes.user_ids import OF_NOBODY, UserIds, user_ids


@pytest.fixture
def ada(tmp_path, monkeypatch):
    """An ordinary user with the number 1001; `ada(lines)` writes the same lines to both files."""
    monkeypatch.setattr(module, "SUBUID", tmp_path / "subuid")
    monkeypatch.setattr(module, "SUBGID", tmp_path / "subgid")
    monkeypatch.setattr(os, "geteuid", lambda: 1001)
    monkeypatch.setattr(os, "getuid", lambda: 1001)
    monkeypatch.setattr(module.getpass, "getuser", lambda: "ada")
    monkeypatch.setattr(module.shutil, "which", lambda name: f"/usr/bin/{name}")

    def write(users, groups=None):
        (tmp_path / "subuid").write_text(users)
        (tmp_path / "subgid").write_text(users if groups is None else groups)

    return write


@pytest.mark.parametrize("owner", ["ada", "1001"])
def test_a_range_belongs_to_a_login_or_a_number(ada, owner):
    ada(f"bob:100000:65536\n{owner}:165536:65536\n")
    assert user_ids() == UserIds(165536, 165536)


def test_users_and_groups_may_have_different_ranges(ada):
    ada("ada:100000:65536\n", "ada:300000:65536\n")
    assert user_ids() == UserIds(100000, 300000)


def test_a_short_range_is_passed_over_for_one_that_is_long_enough(ada):
    ada("ada:100000:1000\nada:200000:65536\n")
    assert user_ids() == UserIds(200000, 200000)


@pytest.mark.parametrize("lines", ["", "bob:100000:65536\n", "ada:100000:65534\n", "ada:x:65536\n", "ada\n"])
def test_without_ids_it_names_the_file_and_the_command(ada, lines):
    ada(lines)
    assert "subuid has no 65535 ids for ada: sudo usermod --add-subuids" in user_ids()


def test_a_missing_file_is_as_an_empty_one(ada):
    assert "has no 65535 ids for ada" in user_ids()


def test_ids_for_users_alone_are_not_enough(ada):
    ada("ada:100000:65536\n", "")
    assert "subgid has no 65535 ids" in user_ids()


def test_without_the_programs_that_map_ids_it_names_their_package(ada, monkeypatch):
    ada("ada:100000:65536\n")
    monkeypatch.setattr(module.shutil, "which", lambda name: None if name == "newgidmap" else f"/usr/bin/{name}")
    assert user_ids() == "newgidmap cannot be run: apt-get install uidmap"


def test_root_has_ids_of_nobody(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert user_ids() == UserIds(OF_NOBODY, OF_NOBODY)


def test_a_refused_map_is_the_toolkits_failure_in_the_programs_own_words(ada, tmp_path, monkeypatch):
    refuses = tmp_path / "newuidmap"
    refuses.write_text("#!/bin/sh\necho 'newuidmap: uid range [1-65536) not allowed' >&2\nexit 1\n")
    refuses.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(EngineFailure, match=r"newuidmap: newuidmap: uid range \[1-65536\) not allowed"):
        UserIds(100000, 100000).map_for(os.getpid())
