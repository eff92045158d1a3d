"""DICOM headers: what is wrong with one, and the white list of fields that may leave the hospital.

What is handed out has the fields of `safe_header` and no other: numbers of the acquisition, and codes of closed lists.
Names, dates, identifiers, free text and private tags are not in it, whatever a scanner or a person wrote into them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

NUMBERS = frozenset({
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelSpacing", "ImagerPixelSpacing", "SliceThickness", "SpacingBetweenSlices",
    "ImageOrientationPatient", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "KVP",
    "XRayTubeCurrent", "Exposure", "GantryDetectorTilt", "MagneticFieldStrength", "EchoTime", "RepetitionTime",
    "InversionTime", "FlipAngle", "EchoTrainLength", "NumberOfAverages", "PixelBandwidth", "DiffusionBValue",
})  # fmt: skip
"""Keywords of the fields that leave as numbers."""
CODES: Mapping[str, frozenset[str]] = {
    "Modality": frozenset({
        "CT", "MR", "US", "PT", "NM", "CR", "DX", "MG", "XA", "RF", "OT", "SC", "SM", "OP", "OPT", "ES", "XC", "IVUS",
        "IVOCT", "SEG", "BMD",
    }),
    "PhotometricInterpretation": frozenset({
        "MONOCHROME1", "MONOCHROME2", "RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT",
        "YBR_PARTIAL_420",
    }),
    "PatientPosition": frozenset({"HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL"}),
    "RescaleType": frozenset({"HU", "US", "OD"}),
    "ImageLaterality": frozenset({"R", "L", "B", "U"}),
    "Laterality": frozenset({"R", "L"}),
    "ViewPosition": frozenset({"AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO", "CC", "MLO", "ML", "LM"}),
    "ScanningSequence": frozenset({"SE", "IR", "GR", "EP", "RM"}),
    "MRAcquisitionType": frozenset({"1D", "2D", "3D"}),
    "BurnedInAnnotation": frozenset({"YES", "NO"}),
}  # fmt: skip
"""Keywords of the fields that leave as one of these codes, and not at all with another value."""


def safe_header(dataset: Any) -> dict[str, str]:
    """The fields of a pydicom dataset that may be handed out, by keyword, several values joined by a backslash.

    Everything else is left out: what is not on the list, a number that is not finite, a code that is not in its list.
    """
    safe = {}
    for keyword in sorted(NUMBERS | CODES.keys()):
        values = field_values(dataset, keyword)
        words = [_safe(keyword, value) for value in values]
        if words and None not in words:
            safe[keyword] = "\\".join(str(word) for word in words)
    return safe


def field_values(dataset: Any, keyword: str) -> list[Any]:
    """The values of a field; none where it is missing or not what its type says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a value that is not as its type says is left out, or refused
            value = dataset.get(keyword)
    except Exception:  # noqa: BLE001 - pydicom raises nearly anything for a value that is not of its type
        return []
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str | bytes) or not hasattr(value, "__iter__") else list(value)


def _safe(keyword: str, value: Any) -> str | None:
    """A value as it may leave, or None."""
    if keyword in CODES:
        word = str(value).strip()
        return word if word in CODES[keyword] else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return f"{number:.12g}" if math.isfinite(number) else None  # rewritten: what else stood in the text stays behind


def burned_in(dataset: Any) -> bool | None:
    """Whether the header says that text is drawn into the picture; None where it says nothing."""
    words = {str(value).strip().upper() for value in field_values(dataset, "BurnedInAnnotation")}
    return "YES" in words if words & {"YES", "NO"} else None
