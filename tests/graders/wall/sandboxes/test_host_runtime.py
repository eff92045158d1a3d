"""The empty root of an image made from this machine, without any engine."""

import io
import tarfile

from graders.wall.sandboxes.host_runtime import HostRuntime, root_archive


def members(**parts):
    host = HostRuntime(key="k", python="/home/me/env/bin/python", **parts)
    with tarfile.open(fileobj=io.BytesIO(root_archive(host))) as tar:
        return {member.name: member for member in tar.getmembers()}


def test_every_mount_has_a_place_and_everyone_may_pass_on_the_way_there(tmp_path):
    file = tmp_path / "python3"
    file.touch()
    archive_members = members(mounts=((str(tmp_path), "/root/private/env"), (str(file), "/usr/bin/python3")), links=())
    assert archive_members["root/private/env"].isdir()
    assert archive_members["usr/bin/python3"].isreg()
    assert all(archive_members[name].mode == 0o755 for name in ("root", "root/private", "root/private/env", "usr/bin"))


def test_scratch_and_zygote_are_closed_for_a_tmpfs_takes_their_mode():
    archive_members = members(mounts=(), links=())
    assert {name: archive_members[name].mode for name in ("scratch", "zygote", "solution", "medmark")} == {
        "scratch": 0o700, "zygote": 0o700, "solution": 0o755, "medmark": 0o755,
    }  # fmt: skip


def test_links_of_the_root_are_links_and_not_folders():
    archive_members = members(mounts=(), links=(("/lib", "usr/lib"), ("/usr/bin/python", "python3")))
    assert archive_members["lib"].issym()
    assert (archive_members["lib"].linkname, archive_members["usr/bin/python"].linkname) == ("usr/lib", "python3")


def test_there_are_two_users_and_no_programs():
    archive_members = members(mounts=(), links=())
    assert {name for name, member in archive_members.items() if member.isreg()} == {"etc/passwd", "etc/group"}
