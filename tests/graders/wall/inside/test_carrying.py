"""Files between workers, inside: no link is followed, no name leads out, and there are bounds."""

import os

import numpy as np
import pytest

from graders.wall.inside.carrying import FILES, Unfit, files_in, is_name, write_files


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_was_written_comes_out_as_it_was(here):
    (here / "a" / "deep" / "er").mkdir(parents=True)
    (here / "a" / "config.json").write_bytes(b"{}")
    (here / "a" / "deep" / "er" / "w.bin").write_bytes(bytes(range(256)))
    (here / "a" / "empty").write_bytes(b"")
    files = files_in("a", 1000)
    assert {name: content.tobytes() for name, content in files.items()} == {
        "config.json": b"{}", "deep/er/w.bin": bytes(range(256)), "empty": b"",
    }  # fmt: skip
    write_files("b", files)
    assert files_in("b", 1000).keys() == files.keys()
    assert (here / "b" / "deep" / "er" / "w.bin").read_bytes() == bytes(range(256))


def test_a_folder_that_is_not_there_has_no_files():
    assert files_in("nowhere", 10) == {}


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/etc/passwd", "a/../b", "a//b", "a/", "a\\b", "a\nb", "\udcff", "x" * 201]
)
def test_a_name_that_leads_elsewhere_is_none(name):
    assert not is_name(name)
    with pytest.raises(Unfit):
        write_files("b", {name: np.zeros(1, np.uint8)})
    assert not os.path.lexists("b")
    with pytest.raises(Unfit):
        files_in(name, 10)


@pytest.mark.parametrize("target", ["/etc/passwd", "elsewhere"])
def test_a_link_is_not_followed(here, target):
    (here / "a").mkdir()
    (here / "elsewhere").mkdir()
    (here / "a" / "link").symlink_to(target)
    with pytest.raises(Unfit):
        files_in("a", 1 << 20)


def test_the_folder_itself_may_not_be_a_link_or_a_file(here):
    (here / "a").symlink_to("/etc")
    (here / "b").write_text("x")
    for name in "ab":
        with pytest.raises(Unfit):
            files_in(name, 1 << 20)


def test_a_pipe_is_not_opened(here):
    (here / "a").mkdir()
    os.mkfifo(here / "a" / "pipe")
    with pytest.raises(Unfit):
        files_in("a", 1 << 20)


def test_number_and_size_are_bounded(here):
    (here / "a").mkdir()
    for number in range(FILES + 1):
        (here / "a" / str(number)).write_bytes(b"x")
    with pytest.raises(Unfit):
        files_in("a", 1 << 20)
    (here / "a" / "0").unlink()
    assert len(files_in("a", FILES)) == FILES
    with pytest.raises(ValueError):
        files_in("a", FILES - 1)


def test_a_sparse_file_is_measured_before_it_is_read(here):
    (here / "a").mkdir()
    with open(here / "a" / "huge", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError):
        files_in("a", 1 << 20)


def test_a_folder_that_is_there_already_is_not_written_to(here):
    (here / "b").symlink_to("/tmp")
    with pytest.raises(Unfit):
        write_files("b", {"x": np.zeros(1, np.uint8)})
