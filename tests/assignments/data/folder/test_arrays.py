"""NPY, NPZ and HDF5: rows, keys, objects, and links that lead out of a file."""

import os

import h5py
import numpy as np
import pytest

from assignments.data.folder import arrays
from assignments.data.folder.arrays import Members
from assignments.data.folder.image import UnreadableImage
from tests.assignments.data.folder.files import cut, phantom, read_image, write_h5, write_npy, write_npz


def faults(path, read=read_image, **settings):
    with pytest.raises(UnreadableImage) as caught:
        read(path, **settings)
    return " | ".join(f"{fault.what}; {fault.cure}" for fault in caught.value.faults)


class Harmful:
    """Unpickled, it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_volume_and_a_slice_are_as_they_are_stored(tmp_path):
    image = read_image(write_npy(tmp_path / "a.npy", phantom()))
    assert (image.axes, image.affine, image.spacing_mm) == ("d h w", None, None)
    assert (image.array == phantom()).all()
    assert image.facts.notes == (
        "3 x 4 x 5 was read as (slice, row, column).",
        "The file has no spacing and no orientation.",
    )
    assert read_image(write_npy(tmp_path / "b.npy", phantom()[0])).axes == "h w"


def test_colours_go_first(tmp_path):
    image = read_image(write_npy(tmp_path / "a.npy", np.arange(4 * 5 * 3).reshape(4, 5, 3)))
    assert image.axes == "c h w"
    assert image.array[:, 0, 0].tolist() == [0, 1, 2]
    assert "(row, column, colour)" in image.facts.notes[0]


def test_a_single_channel_behind_rows_and_columns_is_a_slice_in_greys(tmp_path):
    grey = np.arange(4 * 5).reshape(4, 5)
    image = read_image(write_npy(tmp_path / "a.npy", grey[..., None]))
    assert image.axes == "h w"
    assert (image.array == grey).all()
    assert image.facts.notes[0] == "4 x 5 x 1 was read as (row, column, 1): a slice in greys."
    rows = write_npz(tmp_path / "b.npz", images=np.stack([grey, grey + 1])[..., None])
    assert (read_image(f"{rows}:images[1]").array == grey + 1).all()


@pytest.mark.parametrize("channels", [2, 4])
def test_a_few_channels_that_are_no_colours_are_refused_with_each_cure(channels, tmp_path):
    path = write_npy(tmp_path / "a.npy", np.zeros((8, 9, channels)))
    assert f"it has the axes 8 x 9 x {channels}: {channels} numbers a pixel, or a volume with" in faults(path)
    for cure in ("array[..., :3]", "image:NAME", "array.argmax(-1)", "(slice, row, column)"):
        assert cure in faults(path)


def test_a_row_of_an_array_is_one_case(tmp_path):
    many = np.arange(6 * 4 * 5, dtype=">i4").reshape(6, 4, 5)
    path = write_npy(tmp_path / "a.npy", many)
    image = read_image(f"{path}[4]")
    assert (image.array == many[4]).all()
    assert image.array.dtype.isnative
    assert "the array has 6 rows; name one of [0] to [5]" in faults(f"{path}[6]")
    assert read_image(path, index=2).array[0, 0] == 40


def test_four_axes_are_refused_with_the_row_to_name(tmp_path):
    path = write_npy(tmp_path / "a.npy", np.zeros((2, 3, 4, 5)))
    assert "it has 4 axes (2 x 3 x 4 x 5)" in faults(path)
    assert "a.npy[0]" in faults(path)
    assert "it has 1 axes" in faults(write_npy(tmp_path / "b.npy", np.zeros(7)))


def test_truth_values_are_0_and_1(tmp_path):
    image = read_image(write_npy(tmp_path / "a.npy", np.array([[True, False]])))
    assert image.array.dtype == np.uint8
    assert image.array.tolist() == [[1, 0]]


def test_objects_are_refused_and_never_unpickled(tmp_path):
    objects = np.array([Harmful(tmp_path / "harm"), None], dtype=object)
    for path in (write_npy(tmp_path / "a.npy", objects), write_npz(tmp_path / "a.npz", images=objects)):
        assert "it holds Python objects, which could run code" in faults(path)
        assert "np.stack" in faults(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("dtype", [complex, "U3", [("a", int)]])
def test_what_is_not_a_plain_number_is_refused(dtype, tmp_path):
    assert "not plain numbers" in faults(write_npy(tmp_path / "a.npy", np.zeros((2, 2), dtype)))


def test_an_array_of_an_archive_is_named(tmp_path):
    path = write_npz(tmp_path / "set.npz", train_images=np.arange(24).reshape(2, 3, 4), train_labels=np.zeros((2, 1)))
    assert read_image(f"{path}:train_images[1]").array[:, 0].tolist() == [12, 16, 20]
    assert read_image(path, key="train_images", index=0).array[0, 0] == 0
    assert 'it has no array train_image; did you mean "train_images"?' in faults(f"{path}:train_image[0]")
    assert "it holds 2 arrays: train_images, train_labels; name one, such as set.npz:train_images" in faults(path)


def test_the_only_array_of_an_archive_needs_no_name(tmp_path):
    assert (read_image(write_npz(tmp_path / "a.npz", image=phantom())).array == phantom()).all()


def test_many_rows_decompress_an_array_once(tmp_path, monkeypatch):
    path = write_npz(tmp_path / "a.npz", images=np.arange(24).reshape(6, 2, 2))
    reads, member = [], arrays._member
    monkeypatch.setattr(arrays, "_member", lambda where, name: reads.append(name) or member(where, name))
    members = Members()
    rows = [read_image(f"{path}:images[{i}]", members=members).array[0, 0] for i in range(6)]
    assert rows == [0, 4, 8, 12, 16, 20]
    assert reads == ["images"]


def test_an_array_that_is_too_large_to_decompress_is_refused_with_the_cure(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_MEMBER_BYTES", 1000)
    path = write_npz(tmp_path / "a.npz", images=np.zeros((1000, 4, 4)))
    assert "save it as images.npy" in faults(f"{path}:images[0]")


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_damaged_files_and_texts_are_a_sentence(name, tmp_path):
    noise = np.random.default_rng(0).normal(size=(30, 40))
    path = write_npy(tmp_path / name, noise) if name == "a.npy" else write_npz(tmp_path / name, image=noise)
    assert "damaged" in faults(cut(path, 100))
    path.write_text("This is a text. " * 20)
    assert "not a file of NumPy" in faults(path) or "damaged" in faults(path)


def test_a_damaged_byte_of_an_archive_is_seen(tmp_path):
    path = write_npz(tmp_path / "a.npz", image=np.random.default_rng(0).normal(size=(30, 40)))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    assert "damaged" in faults(path)


def test_an_absurd_size_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.npy"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 64)
    assert "damaged" in faults(path)


# HDF5


def test_a_dataset_or_a_row_of_one_is_an_image(tmp_path):
    path = write_h5(tmp_path / "a.h5", **{"frame_0001": phantom()[0], "group/all": phantom()})
    assert (read_image(f"{path}:/frame_0001").array == phantom()[0]).all()
    assert (read_image(f"{path}:frame_0001").array == phantom()[0]).all()
    assert (read_image(f"{path}:/group/all").array == phantom()).all()
    assert (read_image(f"{path}:/group/all[2]").array == phantom()[2]).all()
    assert read_image(path, key="/group/all", index=2).facts.format == "HDF5"


def test_a_missing_dataset_is_said_with_the_nearest(tmp_path):
    path = write_h5(tmp_path / "a.h5", **{"frame_0001": phantom(), "group/all": phantom()})
    assert 'it has no dataset /frame_001; did you mean "frame_0001"?' in faults(f"{path}:/frame_001")
    assert "name one, such as a.h5:/frame_0001" in faults(path)
    assert "not a dataset but a group with all" in faults(f"{path}:/group")
    assert "frame_0001 is not a group" in faults(f"{path}:/frame_0001/x")
    assert "the array has 3 rows" in faults(f"{path}:/group/all[3]")


def test_what_leads_out_of_the_file_is_never_opened(tmp_path):
    outside = write_h5(tmp_path / "outside.h5", image=phantom())
    raw = tmp_path / "raw.bin"
    raw.write_bytes(b"\0" * 64)
    path = write_h5(tmp_path / "a.h5", image=phantom())
    with h5py.File(path, "a") as file:
        file["link"] = h5py.ExternalLink(str(outside), "/image")
        file["folder"] = h5py.ExternalLink(str(outside), "/")
        file["soft"] = h5py.SoftLink("/link")
        file["round"] = h5py.SoftLink("/round")
        file["good"] = h5py.SoftLink("/image")
        file["nowhere"] = h5py.SoftLink("/none")
        layout = h5py.VirtualLayout(phantom().shape, "i2")
        layout[...] = h5py.VirtualSource(str(outside), "image", phantom().shape)
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("external", (8, 8), "u1", external=[(str(raw), 0, 64)])
    for name in ("link", "folder/image", "soft"):
        assert "is a link into another file" in faults(f"{path}:/{name}")
    for name in ("virtual", "external"):
        assert "its numbers lie in another file" in faults(f"{path}:/{name}")
    assert "lead round in a circle" in faults(f"{path}:/round")
    assert "no dataset" in faults(f"{path}:/nowhere")
    assert (read_image(f"{path}:/good").array == phantom()).all()


def test_damaged_hdf5_and_texts_are_a_sentence(tmp_path):
    path = write_h5(tmp_path / "a.h5", image=np.zeros((64, 64)))
    assert "damaged" in faults(f"{cut(path, 20000)}:/image")
    path.write_text("This is a text. " * 20)
    assert "it is not an HDF5 file" in faults(f"{path}:/image")


def test_texts_records_and_an_absurd_size_in_hdf5_are_refused(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["text"] = "hello"
        file["records"] = np.zeros(3, [("a", int)])
        file.create_dataset("large", (1000000, 1000000), "f4", chunks=(10, 10))
        file["empty"] = h5py.Empty("f4")
    assert "not plain numbers" in faults(f"{path}:/text")
    assert "not plain numbers" in faults(f"{path}:/records")
    assert "1000000 x 1000000 voxels" in faults(f"{path}:/large")
    assert "it holds no numbers" in faults(f"{path}:/empty")
