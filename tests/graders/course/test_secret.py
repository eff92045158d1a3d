"""The course's secret is read only while nobody else can read it."""

from __future__ import annotations

import os

import pytest

from assignments.errors import UserError
from graders.course.course import load_course
from graders.course.secret import read_secret
from tests.graders.small_roster import COURSE, write_course


def test_a_secret_that_is_missing_short_or_open_is_refused_with_the_cure(tmp_path):
    course = load_course(write_course(tmp_path))
    with pytest.raises(UserError, match="from your backup"):
        read_secret(course)
    secret = tmp_path / "hidden/secret"
    secret.parent.mkdir()
    secret.write_bytes(b"x" * 32)
    secret.chmod(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        read_secret(course)
    secret.chmod(0o600)
    assert read_secret(course) == b"x" * 32
    secret.write_bytes(b"x" * 31)
    with pytest.raises(UserError, match="holds 31 bytes"):
        read_secret(course)
    secret.rename(secret.with_name("other"))
    secret.symlink_to("other")
    with pytest.raises(UserError, match="cannot be read"):
        read_secret(course)


def test_the_secret_may_be_open_to_the_staff_group_alone(tmp_path, monkeypatch):
    grp = pytest.importorskip("grp")
    staff = grp.getgrgid(os.getgid()).gr_name
    course = load_course(write_course(tmp_path, f'staff_group = "{staff}"\n{COURSE}'))
    secret = tmp_path / "hidden/secret"
    secret.parent.mkdir()
    secret.write_bytes(b"x" * 32)
    secret.chmod(0o640)
    assert len(read_secret(course)) == 32
    secret.chmod(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        read_secret(course)
    secret.chmod(0o640)
    numbered = course.model_copy(update={"staff_group": str(os.getgid())})
    monkeypatch.setattr(grp, "getgrnam", lambda name: (_ for _ in ()).throw(KeyError(name)))
    assert len(read_secret(numbered)) == 32
    with pytest.raises(UserError, match="no group nobody-has-this"):
        read_secret(course.model_copy(update={"staff_group": "nobody-has-this"}))
