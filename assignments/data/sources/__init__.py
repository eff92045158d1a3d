"""The sources of the assignments' cases, by name. They draw from random generators and never see a secret.

Two keys need no declaration in a source's `arrays`: `subject`, whose case it is, and `group`, a stratum for reports.
`spacing` is the voxel size in mm, in the order (D, H, W). Every other key is an input or the truth.
"""

from __future__ import annotations

from assignments.assignment import Assignment
from assignments.data.source import Source
from assignments.data.source_names import is_own
from assignments.data.sources import biometry, brain_slices, breast_cancer, fetal_us, folder, promise12, prostate_mr
from assignments.data.sources.own import own_source
from assignments.errors import UserError, nearest

SOURCES: dict[str, Source] = {
    "brain_contrasts": brain_slices.TWO_CONTRASTS,
    "brain_pairs": brain_slices.PAIRED,
    "breast_cancer": breast_cancer.SOURCE,
    "fetal_biometry": biometry.SOURCE,
    "fetal_us": fetal_us.SOURCE,
    "prostate_mr": prostate_mr.SOURCE,
    "promise12": promise12.SOURCE,
    "folder": folder.SOURCE,
}


def are_arrays_declared(source: str) -> bool:
    """Whether the arrays of a source's cases are known without opening any file of its cases."""
    if is_own(source):
        return ":" not in source  # else it is named as an earlier medmark did, and reading it says so
    return source in SOURCES and SOURCES[source].declared is not None


def source_of(assignment: Assignment) -> Source:
    """The source that `data.source` names: one of `SOURCES`, or a Python file in the assignment's folder.

    Raises:
        UserError: there is none of this name, or the file does not define a source.
    """
    name = assignment.data.source
    if not assignment.has_cases:
        raise UserError(f"{assignment.folder / 'assignment.toml'}: has no cases; to have some, add a table [data]")
    if name in SOURCES:
        return SOURCES[name]
    if is_own(name):
        return own_source(assignment.folder, name)
    raise UserError(
        f'{assignment.folder / "assignment.toml"} [data]: there is no source "{name}" '
        f'(your own is a file of this folder, such as "scans.py"); {nearest(name, SOURCES)}'
    )
