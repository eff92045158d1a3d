"""The layouts that need no table of cases, by name. A new one is a file in this folder and a line in `LAYOUTS`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from assignments.data.folder.cases import CaseTable
from assignments.data.folder.hdf5_contents import contents_of
from assignments.data.folder.layouts.class_folders import CLASS_FOLDERS
from assignments.data.folder.layouts.decathlon import DECATHLON
from assignments.data.folder.layouts.frames import FRAMES
from assignments.data.folder.layouts.layout import Layout, folders_of, visible
from assignments.data.folder.layouts.medmnist import MEDMNIST, arrays_in
from assignments.data.folder.layouts.nnunet import NNUNET
from assignments.data.folder.layouts.promise12 import PROMISE12, PROMISE12_NPY
from assignments.data.folder.subject_names import SUFFIXES
from assignments.errors import UserError, listed, nearest, shell_word

__all__ = ["LAYOUTS", "Layout", "fitting", "recognised", "table_of"]

LAYOUTS: dict[str, Layout] = {
    "decathlon": DECATHLON,
    "nnunet": NNUNET,
    "class_folders": CLASS_FOLDERS,
    "medmnist": MEDMNIST,
    "ucl_frames": FRAMES,
    "promise12": PROMISE12,
    "promise12_npy": PROMISE12_NPY,
}


def fitting(folder: Path) -> tuple[str, ...]:
    """The names of all layouts that a folder looks like.

    Raises:
        UserError: its `dataset.json` is not JSON, or h5py is missing.
    """
    return tuple(name for name, layout in LAYOUTS.items() if layout.fits(folder))


def recognised(folder: Path) -> str | None:
    """The name of the layout of a folder; None if it looks like none: `unrecognised` says what to do.

    Raises:
        UserError: it looks like several.
    """
    names = fitting(folder)
    if len(names) > 1:
        seen = "; ".join(f"{name}: {LAYOUTS[name].looks_like}" for name in names)
        choices = " or ".join(f'layout = "{name}"' for name in names)
        raise UserError(f"{folder} looks like {len(names)} layouts ({seen}). Write {choices} below [data].")
    return names[0] if names else None


def unrecognised(folder: Path) -> UserError:
    """The error for a folder that has no table of cases, and no known layout: what is in it, and what to do."""
    if not folder.is_dir():
        is_file = folder.is_file()
        what = "that is a file; name the folder that it lies in" if is_file else "connect its drive, or correct it"
        return UserError(f"[data] path: there is no folder {folder}: {what}. It is relative to the file that names it.")
    for inside in folders_of(folder):
        if names := fitting(inside):
            return UserError(
                f'{folder} has no cases.csv, but {inside.name} in it is "{names[0]}". Write path = "{inside}".'
            )
    if not any(folder.iterdir()):
        return UserError(f"{folder} is empty. Copy the images there, or correct [data] path.")
    layouts = "\n".join(f"  {name}: {layout.looks_like}" for name, layout in LAYOUTS.items())
    return UserError(
        f"{folder} has no cases.csv, and no layout fits: {_contents(folder)}.\n"
        "Write a cases.csv with the columns subject, image, and label or class. To have one proposed, run\n"
        f"  medmark new ID --data {shell_word(folder)}\nOr use one of the layouts that need none:\n{layouts}"
    )


def table_of(folder: Path, layout: str) -> CaseTable:
    """The cases of a folder with this layout.

    Raises:
        UserError: there is no such layout, or the folder does not look like it.
    """
    if layout not in LAYOUTS:
        raise UserError(f'[data]: there is no layout "{layout}"; {nearest(layout, LAYOUTS)}')
    if not LAYOUTS[layout].fits(folder):
        expected = f"it is {LAYOUTS[layout].looks_like}; correct path or layout"
        raise UserError(f'{folder} does not look like layout = "{layout}": {_contents(folder)}, and {expected}.')
    return LAYOUTS[layout].table(folder)


def _contents(folder: Path) -> str:
    """What a folder has, in a few words."""
    if not folder.is_dir():
        return "it is not there"
    files, folders = visible(folder), [path.name for path in folders_of(folder)]
    kinds = Counter(
        next((suffix for suffix in (*SUFFIXES, path.suffix) if path.name.casefold().endswith(suffix)), path.suffix)
        for path in files
    )
    seen = [f"{count} {kind or 'files without suffix'}" for kind, count in kinds.most_common(4)]
    seen += [f"{len(folders)} folders ({listed(folders)})"] if folders else []
    seen += [f"{path.name}, which is damaged or another kind of file" for path in files if _is_damaged(path)]
    return "it has " + (", ".join(seen) or "nothing in it")


def _is_damaged(path: Path) -> bool:
    """Whether an archive cannot be opened."""
    kind = path.suffix.casefold()
    return (kind == ".npz" and not arrays_in(path)) or (kind in (".h5", ".hdf5") and contents_of(path) is None)
