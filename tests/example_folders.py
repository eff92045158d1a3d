"""Writes the small folders of docs/data.md. Run: python -m tests.example_folders LAYOUT FOLDER

Names, keys and headers are those of the true formats (`tests.assignments.data.folder.layouts_made`); the voxels are
noise with a bright organ in it, which the label marks.
"""

from __future__ import annotations

import re
import sys
import zlib
from pathlib import Path

import h5py
import nibabel
import numpy as np
import SimpleITK

from tests.assignments.data.folder import layouts_made
from tests.assignments.data.folder.files import write_dicom_series, write_nifti, write_picture

SHAPE = (6, 20, 24)
"""Slices, rows and columns of a volume."""


def organ(number: int, shape: tuple[int, ...] = SHAPE, classes: int = 1) -> np.ndarray:
    """A label of an ellipsoid, elsewhere in each case; 2 in its core where there are two classes."""
    centre = np.random.default_rng(number).uniform(0.4, 0.6, len(shape))
    grid = np.stack(np.meshgrid(*(np.linspace(0, 1, size) for size in shape), indexing="ij"), axis=-1)
    distance = np.linalg.norm((grid - centre) / 0.3, axis=-1)
    return (distance < 1).astype(np.uint8) + np.uint8(classes > 1) * (distance < 0.5).astype(np.uint8)


def scan(number: int, name: str = "", shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """The image of an organ, int16; another noise for each name."""
    rng = np.random.default_rng(zlib.crc32(f"{number} {name}".encode()))
    texture = rng.normal(0, 80, [size // 4 + 1 for size in shape])
    for axis in range(len(shape)):
        texture = np.repeat(texture, 4, axis)
    cut = tuple(slice(size) for size in shape)
    return (texture[cut] + rng.normal(0, 40, shape) + 100 * organ(number, shape)).astype(np.int16)


def nifti(folder: Path) -> None:
    """Eight patients of two hospitals, with a table; the slices of hospital B are thicker."""
    rows = []
    for number in range(8):
        site = "AB"[number // 4]
        spacing = (5.0 if site == "B" else 3.0, 0.8, 0.8)
        for kind, volume in (("ct", scan(number)), ("seg", organ(number))):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            write_nifti(folder / kind / f"P{number}.nii.gz", volume, code="LAS", spacing=spacing)
        rows.append(f"P{number},ct/P{number}.nii.gz,seg/P{number}.nii.gz,{site}")
    _table(folder, "subject,image,label,site", rows)


def dicom(folder: Path) -> None:
    """Five patients with a folder of DICOM files each, one compressed, and labels drawn in another program."""
    (folder / "seg").mkdir(parents=True)
    rows = []
    for number in range(5):
        compression = "JPEG2000" if number == 3 else None
        write_dicom_series(folder / f"P{number}", scan(number), compression=compression)
        write_nifti(folder / "seg" / f"P{number}.nii.gz", organ(number))
        rows.append(f"P{number},P{number},seg/P{number}.nii.gz")
    _table(folder, "subject,image,label", rows)


def pictures(folder: Path) -> None:
    """Twelve photographs of eight patients, of several sizes, with a class and the patient's age."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for number in range(12):
        patient = number % 8
        height = 30 + patient
        colours = np.random.default_rng(number).integers(0, 256, (height, 40, 3)).astype(np.uint8)
        write_picture(folder / "images" / f"s{number:02d}.png", colours)
        rows.append(f"P{patient},images/s{number:02d}.png,{('naevus', 'melanoma')[patient % 2]},{40 + patient}")
    _table(folder, "subject,image,class,feature:age", rows)


def decathlon(folder: Path) -> None:
    """The Medical Segmentation Decathlon's liver: six labelled cases, and one without."""
    layouts_made.liver(folder, [f"liver_{number}" for number in range(6)])
    _fill_nifti(folder, classes=2)


def nnunet(folder: Path) -> None:
    """nnU-Net v2: five cases with two channels each."""
    layouts_made.nnunet(folder, [f"prostate_{number:02d}" for number in range(5)])
    _fill_nifti(folder, classes=2)


def class_folders(folder: Path) -> None:
    """Ten pictures of six patients, in a folder for each class."""
    for number in range(10):
        patient = number % 6
        name = ("benign", "malignant")[patient % 2]
        layouts_made.png(folder / name / f"P{patient}_{number}.png", number, (32, 32))


def medmnist(folder: Path) -> None:
    """MedMNIST's archive, with the split that it publishes."""
    layouts_made.medmnist(folder, counts=(12, 4, 6), shape=(28, 28, 3))


def ucl_frames(folder: Path) -> None:
    """The frames of four fetal ultrasound videos, in the HDF5 file of MPHY0041."""
    layouts_made.fetal(folder, (2, 3, 4, 3))
    with h5py.File(folder / "fetal.h5", "a") as file:
        for name in [name for name in file if re.fullmatch(r"subject\d+_frame\d+", name)]:
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            file[name][...] = rng.integers(0, 256, file[name].shape)


def promise12(folder: Path) -> None:
    """PROMISE12 as the challenge distributes it: four cases with a segmentation, and one without."""
    layouts_made.promise12(folder, range(4))
    for path in sorted(folder.rglob("*.mhd")):
        old = SimpleITK.ReadImage(str(path))
        image = SimpleITK.GetImageFromArray(_voxels(path, "_segmentation" in path.name, 1))
        image.SetSpacing(old.GetSpacing())
        SimpleITK.WriteImage(image, str(path))


def promise12_npy(folder: Path) -> None:
    """PROMISE12 as the segmentation tutorial of the module distributes it: arrays without spacing."""
    layouts_made.promise12_npy(folder, range(4))
    for path in sorted(folder.glob("*.npy")):
        old = np.load(path)
        np.save(path, _voxels(path, path.name.startswith("label"), 1, old.shape).astype(old.dtype))


def brain_pairs(folder: Path) -> None:
    """Six patients with two volumes each, labels of both, and landmarks; two slices of each volume are pairs."""
    rows = []
    for number in range(6):
        fixed, label = scan(number), organ(number, classes=2)
        volumes = {
            "fixed": fixed,
            "moving": np.roll(fixed, 1, 2),
            "fixed_seg": label,
            "moving_seg": np.roll(label, 1, 2),
        }
        folder.mkdir(parents=True, exist_ok=True)
        for name, volume in volumes.items():
            write_nifti(folder / f"P{number}_{name}.nii.gz", volume, code="RAS", spacing=(4.0, 2.0, 2.0))
        points = "".join(f"{h},{w},{h},{w + 1}\n" for h, w in ((8, 9), (8, 14), (12, 11)))
        (folder / f"P{number}.csv").write_text(f"fixed_h,fixed_w,moving_h,moving_w\n{points}")
        files = ",".join(f"P{number}_{name}.nii.gz" for name in volumes)
        rows += [f"P{number},{files},P{number}.csv,{slice}" for slice in (2, 3)]
    _table(folder, "subject,fixed,moving,label:fixed,label:moving,landmarks,volume_slice", rows)


def paired_mr(folder: Path) -> None:
    """Six patients with a T1 and a T2 volume and the mask of the brain; T2 runs from 0 to 1."""
    folder.mkdir(parents=True)
    rows = []
    for number in range(6):
        t1, brain = scan(number), organ(number)
        t2 = (brain * (1 - 0.3 * (t1 > 100))).astype(np.float32)
        for name, volume in (("T1", t1), ("T2", t2), ("brain", brain)):
            write_nifti(folder / f"P{number}_{name}.nii.gz", volume, code="RAS", spacing=(4.0, 2.0, 2.0))
        files = ",".join(f"P{number}_{name}.nii.gz" for name in ("T1", "T2", "brain"))
        rows += [f"P{number},{files},{slice}" for slice in (2, 3)]
    _table(folder, "subject,image,target_image,target_mask,volume_slice", rows)


def own_finite(folder: Path) -> None:
    """Six patients, an archive each, in a form of one's own."""
    folder.mkdir(parents=True)
    for number in range(6):
        np.savez(folder / f"{'AB'[number % 2]}{number}.npz", t2=scan(number), outline=organ(number))


def _table(folder: Path, heading: str, rows: list[str]) -> None:
    (folder / "cases.csv").write_text("\n".join([heading, *rows]) + "\n")


def _fill_nifti(folder: Path, classes: int) -> None:
    for path in sorted(folder.rglob("[!.]*.nii.gz")):
        voxels = _voxels(path, path.parent.name.startswith("labels"), classes)
        nibabel.save(nibabel.Nifti1Image(voxels.T, nibabel.load(path).affine), path)


def _voxels(path: Path, label: bool, classes: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """The organ or the scan of the case whose number is the first in the file's name."""
    number = int(re.findall(r"\d+", path.name)[0])
    return organ(number, shape, classes) if label else scan(number, path.name, shape)


EXAMPLES = {
    make.__name__: make
    for make in (
        nifti, dicom, pictures, decathlon, nnunet, class_folders, medmnist, ucl_frames, promise12, promise12_npy,
        brain_pairs, paired_mr, own_finite,
    )
}  # fmt: skip


def main(words: list[str]) -> int:
    """Write one folder."""
    if len(words) != 2 or words[0] not in EXAMPLES or Path(words[1]).exists():
        print(f"python -m tests.example_folders LAYOUT FOLDER; FOLDER must not exist, LAYOUT is {', '.join(EXAMPLES)}")
        return 2
    EXAMPLES[words[0]](Path(words[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
