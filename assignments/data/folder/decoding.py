"""The voxels of DICOM files by SimpleITK, whose GDCM decompresses them; as a program, in a process of its own.

A damaged compressed file can end the process that decompresses it (a JPEG of GDCM did). So `series` runs this file for
compressed ones, and it imports nothing of medmark. Run: python decoding.py OUT, with a JSON list of [path, whether it
is in colours] on stdin; of file i it writes OUT/i.npy, or the reason in OUT/i.txt.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def decoded(path: Path, colour: bool) -> np.ndarray[Any, Any]:
    """The numbers of one slice, rescaled: (h, w) float32, or (h, w, 3) in colours as they are stored.

    Raises:
        RuntimeError: SimpleITK cannot read it.
    """
    import SimpleITK as sitk

    reader: Any = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    if not colour:
        reader.SetOutputPixelType(sitk.sitkFloat32)  # slices of one series may be rescaled differently, as in PET
    frames: np.ndarray[Any, Any] = sitk.GetArrayFromImage(reader.Execute())
    if not len(frames):
        raise RuntimeError("it has no voxels")
    frame: np.ndarray[Any, Any] = frames[0]
    return frame


def main(out: Path) -> None:
    """Decode the files of stdin, one after the other."""
    for i, (path, colour) in enumerate(json.load(sys.stdin)):
        try:
            frame = decoded(Path(path), colour)
        except RuntimeError as error:
            (out / f"{i}.txt").write_text(str(error), encoding="utf-8")
            continue
        with (out / "part").open("wb") as file:
            np.save(file, frame, allow_pickle=False)
        (out / "part").rename(out / f"{i}.npy")  # whole, or not there


if __name__ == "__main__":
    main(Path(sys.argv[1]))
