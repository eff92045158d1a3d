"""Small folders of the true format of each known layout: shapes are tiny, names, keys and headers the originals'."""

import json

import h5py
import nibabel
import numpy as np
import SimpleITK
from PIL import Image


def nifti(path, shape=(4, 5, 6), label=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros(shape, np.uint8) if label else np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1.0, 1.0, 3.0, 1.0])), path)


def png(path, seed=0, size=(8, 6), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size[::-1] if mode == "L" else (*size[::-1], 3)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8), mode=None).save(path)


def mhd(path, label=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = SimpleITK.GetImageFromArray(np.zeros((3, 5, 4), np.uint8 if label else np.int16))
    image.SetSpacing((0.6, 0.6, 3.6))
    SimpleITK.WriteImage(image, str(path))


def described(folder, **description):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(description))


def liver(folder, cases=("liver_0", "liver_10"), test=("liver_132",)):
    """MSD's Task03_Liver: one modality in 3-D files, and a Mac's `._` files beside them."""
    for case in cases:
        nifti(folder / "imagesTr" / f"{case}.nii.gz")
        nifti(folder / "labelsTr" / f"{case}.nii.gz", label=True)
        (folder / "imagesTr" / f"._{case}.nii.gz").write_bytes(b"\0\5\x16\7")
    for case in test:
        nifti(folder / "imagesTs" / f"{case}.nii.gz")
    described(
        folder,
        name="Liver",
        tensorImageSize="3D",
        modality={"0": "CT"},
        labels={"0": "background", "1": "liver", "2": "cancer"},
        numTraining=len(cases),
        numTest=len(test),
        training=[{"image": f"./imagesTr/{c}.nii.gz", "label": f"./labelsTr/{c}.nii.gz"} for c in cases],
        test=[f"./imagesTs/{c}.nii.gz" for c in test],
    )


def brain_tumour(folder, cases=("BRATS_001", "BRATS_002")):
    """MSD's Task01_BrainTumour: four modalities as the volumes of one 4-D file."""
    for case in cases:
        nifti(folder / "imagesTr" / f"{case}.nii.gz", (4, 5, 6, 4))
        nifti(folder / "labelsTr" / f"{case}.nii.gz", label=True)
    described(
        folder,
        name="BRATS",
        tensorImageSize="4D",
        modality={"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
        labels={"0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "enhancing tumour"},
        numTraining=len(cases),
        numTest=0,
        training=[{"image": f"./imagesTr/{c}.nii.gz", "label": f"./labelsTr/{c}.nii.gz"} for c in cases],
        test=[],
    )


def nnunet(folder, cases=("prostate_00", "prostate_01"), test=(), channels=("T2", "ADC"), ending=".nii.gz", **more):
    """nnU-Net v2: a file for each channel."""
    for end, names in (("Tr", cases), ("Ts", test)):
        for name in names:
            for number in range(len(channels)):
                path = folder / f"images{end}" / f"{name}_{number:04d}{ending}"
                nifti(path) if ending == ".nii.gz" else png(path)
            path = folder / f"labels{end}" / f"{name}{ending}"
            nifti(path, label=True) if ending == ".nii.gz" else png(path)
    description = {
        "channel_names": {str(number): name for number, name in enumerate(channels)},
        "labels": {"background": 0, "PZ": 1, "TZ": 2},
        "numTraining": len(cases),
        "file_ending": ending,
    }
    described(folder, **(description | more))


def class_folders(folder, names):
    """Pictures at these paths, such as `malignant/P01_a.png`."""
    for seed, name in enumerate(names):
        png(folder / name, seed)


def medmnist(folder, name="bloodmnist.npz", counts=(5, 2, 3), classes=3, width=1, shape=(4, 4, 3)):
    """MedMNIST's archive: labels (N, 1), or (N, width) of 0 and 1."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in zip(("train", "val", "test"), counts, strict=True):
        arrays[f"{part}_images"] = rng.integers(0, 256, (count, *shape)).astype(np.uint8)
        numbers = np.arange(count)[:, None] % classes if width == 1 else rng.integers(0, 2, (count, width))
        arrays[f"{part}_labels"] = numbers.astype(np.uint8)
    np.savez(folder / name, **arrays)
    return arrays


def fetal(folder, frames=(2, 3), classes=4):
    """MPHY0041's fetal.h5: written by MATLAB, so that (184, 256) frames are (256, 184) here; smaller ones."""
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / "fetal.h5", "w") as file:
        file["frame_size"] = np.array([[6], [8]], np.uint32)
        file["num_classes"] = np.array([[classes]], np.uint32)
        file["num_subjects"] = np.array([[len(frames)]], np.uint32)
        for subject, count in enumerate(frames):
            file[f"subject{subject:06d}_num_frames"] = np.array([[count]], np.uint32)
            for frame in range(count):
                file[f"subject{subject:06d}_frame{frame:08d}"] = np.full((8, 6), 10 * subject + frame, np.uint8)
                file[f"subject{subject:06d}_label{frame:08d}"] = np.array([[(subject + frame) % classes]], np.uint32)


def transrectal(folder, frames=(2, 1), raters=3):
    """MPHY0041's dataset70-200.h5: the masks of three raters for each frame."""
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / "dataset70-200.h5", "w") as file:
        for subject, count in enumerate(frames):
            for frame in range(count):
                file[f"frame_{subject:04d}_{frame:03d}"] = np.full((58, 52), 10 * subject + frame, np.uint8)
                for rater in range(raters):
                    file[f"label_{subject:04d}_{frame:03d}_{rater:02d}"] = np.zeros((58, 52), np.uint8)


def promise12(folder, cases=(0, 1), test=(0,)):
    """The challenge's volumes, unpacked into a folder for each of its archives."""
    for case in cases:
        mhd(folder / "TrainingData_Part1" / f"Case{case:02d}.mhd")
        mhd(folder / "TrainingData_Part1" / f"Case{case:02d}_segmentation.mhd", label=True)
    for case in test:
        mhd(folder / "TestData" / f"Case{case:02d}.mhd")


def promise12_npy(folder, cases=(0, 1), test=(0,)):
    """The arrays of the segmentation tutorial."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in cases:
        np.save(folder / f"image_train{case:02d}.npy", np.zeros((32, 128, 128), np.int16))
        np.save(folder / f"label_train{case:02d}.npy", np.zeros((32, 128, 128), np.int8))
    for case in test:
        np.save(folder / f"image_test{case:02d}.npy", np.zeros((32, 128, 128), np.int16))
