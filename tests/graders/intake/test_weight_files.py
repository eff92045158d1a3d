"""What a file of weights says about itself is read from its bytes; loading it would run what a student wrote."""

from __future__ import annotations

import io
import pickle
import zipfile

import pytest

from graders.intake.weight_files import PICKLE_BYTES, WeightFile, weight_files

torch = pytest.importorskip("torch")


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)


@pytest.fixture
def said(tmp_path):
    """What one file says."""

    def of(content, name="w.pt"):
        (tmp_path / "weights").mkdir()
        (tmp_path / "weights" / name).write_bytes(content)
        (file,) = weight_files(tmp_path)
        return file

    return of


def saved(value, device="cpu", **how):
    """The bytes of torch.save, as a machine with such a device writes them: no machine here has one."""
    stream = io.BytesIO()
    torch.save(value, stream, **how)
    if device == "cpu":
        return stream.getvalue()
    if how:
        return named(stream.getvalue(), device)
    old, new = zipfile.ZipFile(stream), io.BytesIO()
    with zipfile.ZipFile(new, "w") as archive:
        for name in old.namelist():
            content = old.read(name)
            archive.writestr(name, named(content, device) if name.endswith("data.pkl") else content)
    return new.getvalue()


def named(pickled, device):
    short = pickle.BINUNICODE + (3).to_bytes(4, "little") + b"cpu"
    assert short in pickled
    return pickled.replace(short, pickle.BINUNICODE + len(device).to_bytes(4, "little") + device.encode())


@pytest.mark.parametrize("device", ["mps", "mps:0", "cuda:1", "xpu:0"])
@pytest.mark.parametrize("how", [{}, {"_use_new_zipfile_serialization": False}], ids=["archive", "before 1.6"])
def test_the_device_of_the_tensors_is_read(said, device, how):
    assert said(saved(Net().state_dict(), device, **how)).devices == (device,)


def test_tensors_that_were_saved_from_the_cpu_have_no_other_device(said):
    assert said(saved({"epoch": 3, "cuda:0": "storage", "state": Net().state_dict()})) == WeightFile("weights/w.pt")


def test_a_whole_model_names_the_class_that_loading_would_import(said):
    assert said(saved(Net())).classes == (f"{__name__}.Net",)


def test_a_pickle_that_runs_a_command_is_listed_and_not_run(said, tmp_path):
    class Runs:
        def __reduce__(self):
            import os

            return os.system, (f"touch {tmp_path / 'ran'}",)

    assert said(pickle.dumps(Runs()), "w.pkl").classes == ("posix.system",)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "name", "problem"),
    [
        (b"", "w.pt", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n", "w.h5", "is a Git LFS pointer"),
        (saved(Net().state_dict())[:300], "w.pth", "is cut off or damaged"),
        (b"PK\x03\x04" + bytes(100), "w.keras", "is cut off or damaged"),
        (b"PK\x05\x06" + bytes(7), "w.npz", "is cut off or damaged"),
    ],
)
def test_a_file_that_no_machine_can_load_says_why(said, content, name, problem):
    assert said(content, name).problem.startswith(problem)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04",
        b"\x80\x02" + b"X\xff\xff\xff\x7fcut",
        pickle.dumps([1] * 10)[:-1],
        b"not a pickle at all",
        bytes(64),
    ],
)
def test_bytes_that_are_no_pickle_say_nothing(said, content):
    assert said(content, "w.bin") == WeightFile("weights/w.bin")


@pytest.mark.parametrize(("beyond", "classes"), [(0, ("__main__.Net",)), (1, ())])
@pytest.mark.parametrize("packed", [True, False], ids=["archive", "bare"])
def test_no_more_of_a_pickle_is_read_than_a_network_needs(said, packed, beyond, classes):
    """A class whose name ends at the last byte that is read is listed; one byte further it is not."""
    names, head = b"c__main__\nNet\n", b"\x80\x02B"
    padding = PICKLE_BYTES + beyond - len(head) - 4 - len(names)
    content = head + padding.to_bytes(4, "little") + bytes(padding) + names + b"."
    if packed:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("w/data.pkl", content)
        content = stream.getvalue()
    assert said(content) == WeightFile("weights/w.pt", classes=classes)


def test_files_of_weights_beside_solution_py_are_read_too(tmp_path):
    (tmp_path / "solution.py").write_text("")
    (tmp_path / "model.pth").write_bytes(b"")
    assert [file.path for file in weight_files(tmp_path)] == ["model.pth"]


def test_the_cases_of_a_handout_are_no_weights(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train.npz").write_bytes(b"PK")
    assert weight_files(tmp_path) == ()
