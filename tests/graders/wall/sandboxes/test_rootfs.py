"""Runtimes as folders, of a lock that holds one tiny package; and what a build refuses."""

import os
import shutil
import subprocess
from pathlib import Path

import docker
import pytest

from assignments.assignment import Limits
from graders.failures import EngineFailure, ImageFailure
from graders.wall.sandboxes import images, rootfs, rootless, runtime_records
from graders.wall.sandboxes.rootless import PROGRAMS, Rootless
from graders.wall.sandboxes.sandbox import SandboxSpec
from tests.graders.wall.sandboxes.talk import ECHO, value
from tests.graders.wall.sandboxes.wheels import make_wheel

pytestmark = [pytest.mark.slow, pytest.mark.rootless]
LIMITS = Limits()


@pytest.fixture(autouse=True)
def program(folders):
    folders("bubblewrap")


def build(**options):
    return rootfs.build_from_host("numpy", say=lambda line: None, **options)


def test_a_build_is_recorded_beside_the_image_of_the_same_framework(lock):
    built = build()
    assert runtime_records.rootfs("numpy") == built
    assert runtime_records.listed() == (built,)
    assert built.packages == {"tiny": "1.0"}
    assert (built.form, built.made_from, built.mounts, built.sif) == ("rootfs", "host", (), "")


@pytest.mark.docker
def test_equal_contents_have_the_digest_of_the_image(lock, engine):
    folder = build()
    image = images.build_from_host("numpy", say=lambda line: None)
    try:
        assert (image.form, image.digest) == ("image", folder.digest)
        assert {built.form for built in runtime_records.listed()} == {"image", "rootfs"}
    finally:
        client = docker.APIClient()
        client.remove_image(image.image, force=True)
        client.close()


def test_the_folder_holds_all_that_it_needs_and_nothing_else_of_this_machine(lock):
    built = Path(build().image)
    names = {path.name for path in built.rglob("*")}
    assert {"tiny.py", "libc.so.6", "libgcc_s.so.1"} < names
    assert not {"_pytest", "graders", "numpy", "bash", "sh"} & names
    with Rootless(PROGRAMS["bubblewrap"], inside=ECHO).open(SandboxSpec(ECHO, "numpy", LIMITS)) as channel:
        assert value(channel, "__import__('tiny').answer") == 42
        assert value(channel, "__import__('os').path.exists('/bin/sh')") is False
        assert value(channel, "__import__('sqlite3').connect(':memory:').execute('select 7').fetchone()") == (7,)


def test_the_folder_may_lie_elsewhere(lock, tmp_path):
    """As on the file system of a cluster, where it is copied to."""
    built = build()
    moved = tmp_path / "shared"
    shutil.copytree(built.image, moved, symlinks=True)
    shutil.rmtree(built.image)
    assert rootless.surveyed(moved, built.python, ["-c", "import tiny; print(tiny.answer)"]) == b"42\n"


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_sandbox_makes_no_file_in_the_folder(lock, folders, name):
    """The folder may be somebody else's, and what it holds has the digest that is on record."""
    folders(name)
    built = Path(build().image)
    before = sorted(built.rglob("*"))
    with Rootless(PROGRAMS[name], inside=ECHO).open(SandboxSpec(ECHO, "numpy", LIMITS)) as channel:
        assert value(channel, "1 + 1") == 2
    assert sorted(built.rglob("*")) == before


def test_building_again_replaces_the_folder_once_the_new_one_is_whole(lock, monkeypatch):
    built = build()
    (Path(built.image) / "stale").touch()

    def full(*_):
        raise OSError(28, os.strerror(28), "a file")

    with monkeypatch.context() as patch:
        patch.setattr(rootfs, "_copy", full)
        with pytest.raises(ImageFailure, match="No space left on device: a file"):
            build()
    assert (Path(built.image) / "stale").exists(), "a build that fails leaves the one of before"
    assert build() == runtime_records.rootfs("numpy")
    assert not (Path(built.image) / "stale").exists()


def test_a_build_with_an_assignments_data_in_it_fails(lock, tmp_path):
    make_wheel(tmp_path / "wheels", "answers", {"answers/data/breast_cancer.csv": "569,30\n"})
    with pytest.raises(ImageFailure, match=r"answers/data/breast_cancer\.csv .*mlp_classifier"):
        build(add=["answers==1.0"])
    assert runtime_records.listed() == ()


def test_a_package_that_cannot_be_imported_fails_the_build(lock, tmp_path):
    make_wheel(tmp_path / "wheels", "broken", {"broken.py": "import no_such_module\n"})
    with pytest.raises(ImageFailure, match="no_such_module"):
        build(add=["broken==1.0"])


def test_without_a_program_it_names_what_to_install(lock, monkeypatch):
    monkeypatch.setattr(rootless.shutil, "which", lambda name: None)
    with pytest.raises(EngineFailure, match="apt-get install bubblewrap or podman uidmap or apptainer uidmap"):
        build()


def test_apptainers_file_is_made_of_the_folder(lock, tmp_path, monkeypatch):
    stub = tmp_path / "bin/apptainer"
    stub.parent.mkdir()
    stub.write_text('#!/bin/sh\n[ "$1 $2" = "build --force" ] && [ -d "$4" ] && echo sif > "$3"\n')
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
    built = build(sif=True)
    assert Path(built.sif).read_text() == "sif\n"
    assert built.sif == f"{built.image}.sif"


def test_apptainer_runs_its_file_and_not_the_folder(lock, folders):
    folders("apptainer")
    (module,) = Path(build(sif=True).image).rglob("tiny.py")
    module.unlink()
    with Rootless(PROGRAMS["apptainer"], inside=ECHO).open(SandboxSpec(ECHO, "numpy", LIMITS)) as channel:
        assert value(channel, "__import__('tiny').answer") == 42


def test_without_apptainer_its_file_cannot_be_made(lock, monkeypatch):
    if shutil.which("apptainer"):
        pytest.skip("apptainer is installed")
    with pytest.raises(EngineFailure, match=r"apptainer cannot be run .*: install it, or leave out --sif"):
        build(sif=True)


@pytest.mark.docker
def test_an_image_of_the_dockerfile_becomes_a_folder(lock, engine, monkeypatch):
    image = images.build_from_host("numpy", say=lambda line: None)
    client = docker.APIClient()
    try:
        whole = _committed(client, image)
        monkeypatch.setattr(images, "build", lambda framework, **_: whole)
        built = rootfs.build("numpy", base_image="any", say=lambda line: None)
        assert (built.packages, built.made_from, built.form) == ({"tiny": "1.0"}, "any", "rootfs")
    finally:
        for each in {image.image, whole.image}:
            client.remove_image(each, force=True)
        client.close()


def _committed(client, image):
    """An image that holds what another one mounts, as an image of a Dockerfile does."""
    folder = Path(rootfs.build_from_host("numpy", say=lambda line: None).image)
    archive = subprocess.run(["tar", "--create", "--directory", folder, "."], capture_output=True, check=True).stdout
    output = client.import_image_from_data(archive, repository="medmark-tests", tag="whole")
    words = output.splitlines()[-1]
    return type(image)(**{**vars(image), "mounts": (), "image": words.split('"')[3]})
