"""Metrics and conditions as people read them: "dice, class 2 (lesion)" for `dice@class2`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from assignments.assignment import Accuracy
from assignments.caps import Condition
from assignments.metric_names import metric_name

WORDS: Final = {
    "iou": "IoU",
    "volume_error": "volume error",
    "volume_difference@ml": "volume difference",
    "f_beta@#": "F-beta, beta {}",
    "boundary_iou@#": "boundary IoU, {} voxels",
    "boundary_iou@#mm": "boundary IoU, {} mm",
    "cldice": "centreline Dice",
    "hd": "Hausdorff distance",
    "hd95": "Hausdorff distance, 95th percentile",
    "hd@#": "Hausdorff distance, percentile {}",
    "hd@to_truth@#": "distance to the truth, percentile {}",
    "hd@to_answer@#": "distance from the truth, percentile {}",
    "hd95@medpy": "Hausdorff distance, 95th percentile (MedPy)",
    "hd95@deepmind": "Hausdorff distance, 95th percentile (DeepMind)",
    "assd": "average symmetric surface distance",
    "masd": "mean average surface distance",
    "nsd@#mm": "surface Dice at {} mm",
    "nsd@voxel@#mm": "surface Dice at {} mm (voxels)",
    "panoptic_quality@numbered": "panoptic quality of numbered objects",
    "sq": "segmentation quality",
    "sq@numbered": "segmentation quality of numbered objects",
    "rq": "recognition quality",
    "rq@numbered": "recognition quality of numbered objects",
    "lesion_f1": "lesion F1",
    "lesion_f1@#": "lesion F1 at an overlap of {}",
    "lesion_f1@isles": "lesion F1 (ISLES)",
    "macro_f1": "F1, mean over classes",
    "f1@macro": "F1, mean over classes",
    "f1@micro": "F1, all classes together",
    "f1@weighted": "F1, weighted by class",
    "precision@macro": "precision, mean over classes",
    "precision@micro": "precision, all classes together",
    "precision@weighted": "precision, weighted by class",
    "recall@macro": "recall, mean over classes",
    "recall@micro": "recall, all classes together",
    "recall@weighted": "recall, weighted by class",
    "mcc": "Matthews correlation",
    "quadratic_kappa": "kappa, quadratic weights",
    "kappa@linear": "kappa, linear weights",
    "hamming_loss": "Hamming loss",
    "auroc": "AUROC",
    "auroc@macro": "AUROC, mean over classes",
    "auroc@micro": "AUROC, all classes together",
    "auroc@weighted": "AUROC, weighted by class",
    "average_precision@macro": "average precision, mean over classes",
    "average_precision@micro": "average precision, all classes together",
    "average_precision@weighted": "average precision, weighted by class",
    "sensitivity@#": "sensitivity at a specificity of {}",
    "specificity@#": "specificity at a sensitivity of {}",
    "brier": "Brier score",
    "log_loss": "log loss",
    "ece": "calibration error",
    "ece@#": "calibration error, {} bins",
    "ece@mass@#": "calibration error, {} bins of equal size",
    "ece@classwise": "calibration error, class by class",
    "ece@classwise@#": "calibration error, class by class, {} bins",
    "mae@#": "mean absolute error",
    "psnr@#": "PSNR",
    "ssim@#": "SSIM",
    "ms_ssim@#": "multi-scale SSIM",
    "tre": "target registration error",
    "tre95": "target registration error, 95th percentile",
    "warped_dice": "Dice after warping",
    "folding": "share of folded voxels",
    "sd_log_jacobian": "spread of the log Jacobian",
    "absolute_error@#": "absolute error",
    "rmse": "root mean square error",
    "r2": "R²",
}
"""By the form of a metric's name; {} is the number in it. A name that is not listed reads well without underscores."""


def metric_words(name: str, criterion: Accuracy | None = None, classes: Sequence[str] = ()) -> str:
    """A metric's name as the author labels it, else in words.

    Args:
        classes: Names of the classes by number, the background's first.
    """
    if criterion is not None and name in criterion.labels:
        return criterion.labels[name]
    if ":" in name:
        return name.rpartition(":")[2].replace("_", " ")
    parts = metric_name(name)
    number = "" if parts.number is None else f"{parts.number:g}"
    words = WORDS.get(parts.form, parts.whole.replace("_", " ").replace("@", ", ")).format(number)
    if parts.label is None:
        return words
    named = f" ({classes[parts.label]})" if parts.label < len(classes) else ""
    return f"{words}, class {parts.label}{named}"


def condition_words(condition: Condition, criterion: Accuracy | None = None, classes: Sequence[str] = ()) -> str:
    """The condition of a cap: "the dice is below 0.5 in more than 3 cases"."""
    words = f"the {metric_words(condition.metric, criterion, classes)} is {condition.side} {condition.value:g}"
    match condition.count:
        case None:
            return words
        case 0:
            return f"{words} in at least one case"
        case 1:
            return f"{words} in more than one case"
        case count:
            return f"{words} in more than {count} cases"
