"""The metrics by name, and an instructor's own by path. How many points a score earns is decided in `graders.marks`.

A new metric needs two things: its function in a file of this folder, and its line in `METRICS`. A number in a name
there (`nsd@2mm`) is a default that an assignment can change: `nsd@3mm` is the same metric at another tolerance. A word
in a name is a convention and stands before the number (`f1@micro`, `nsd@voxel@2mm`). `dice@class3` is a metric of
masks, applied to one class of a map of labels.
"""

from __future__ import annotations

import math
import runpy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from assignments import errors
from assignments.metric_names import metric_form, metric_name
from graders.metrics import (
    averages,
    boundaries,
    calibration,
    centerlines,
    costs,
    geometry,
    images,
    instances,
    labels,
    overlap,
    ranking,
    registration,
    regression,
    voxels,
)
from graders.metrics.metric import Array, CaseInfo, Floats, Metric, averaged

__all__ = ["METRICS", "Array", "CaseInfo", "Costs", "Floats", "Metric", "metric_named"]

METRICS: dict[str, Metric] = {
    "dice": Metric(
        "dice", overlap.dice, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask",
    ),
    "iou": Metric(
        "iou", overlap.iou, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask",
    ),
    "volume_error": Metric(
        "volume_error", overlap.volume_error, level="per_case", better="lower", range=(0, math.inf),
        worst=overlap.worst_volume_error, reads="mask",
    ),
    "volume_difference@ml": Metric(
        "volume_difference@ml", voxels.volume_difference, level="per_case", better="lower", range=(0, math.inf),
        worst=voxels.worst_volume_difference, reads="mask", unit="ml",
    ),
    "sensitivity": Metric(
        "sensitivity", voxels.sensitivity, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask",
    ),
    "specificity": Metric(
        "specificity", voxels.specificity, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask",
    ),
    "precision": Metric(
        "precision", voxels.voxel_precision, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask",
    ),
    "f_beta@2": Metric(
        "f_beta@2", voxels.f_beta, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask",
    ),
    "boundary_iou@2": Metric(
        "boundary_iou@2", boundaries.boundary_iou, level="per_case", better="higher", range=(0, 1), worst=0,
        reads="mask", number="count",
    ),
    "boundary_iou@2mm": Metric(
        "boundary_iou@2mm", boundaries.boundary_iou_mm, level="per_case", better="higher", range=(0, 1), worst=0,
        reads="mask",
    ),
    "cldice": Metric(
        "cldice", centerlines.cldice, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask",
    ),
    "hd": Metric(
        "hd", geometry.hd, level="per_case", better="lower", range=(0, math.inf), worst=geometry.diagonal,
        reads="mask", unit="mm",
    ),
    "hd95": Metric(
        "hd95", geometry.hd95, level="per_case", better="lower", range=(0, math.inf),
        worst=geometry.diagonal, reads="mask", unit="mm",
    ),
    "hd@90": Metric(
        "hd@90", geometry.hd_percentile, level="per_case", better="lower", range=(0, math.inf), worst=geometry.diagonal,
        reads="mask", unit="mm", number="percent",
    ),
    "hd@to_truth@95": Metric(
        "hd@to_truth@95", geometry.hd_to_truth, level="per_case", better="lower", range=(0, math.inf),
        worst=geometry.diagonal, reads="mask", unit="mm", number="percent",
    ),
    "hd@to_answer@95": Metric(
        "hd@to_answer@95", geometry.hd_to_answer, level="per_case", better="lower", range=(0, math.inf),
        worst=geometry.diagonal, reads="mask", unit="mm", number="percent",
    ),
    "hd95@medpy": Metric(
        "hd95@medpy", geometry.hd95_medpy, level="per_case", better="lower", range=(0, math.inf),
        worst=geometry.diagonal, reads="mask", unit="mm",
    ),
    "hd95@deepmind": Metric(
        "hd95@deepmind", geometry.hd95_deepmind, level="per_case", better="lower", range=(0, math.inf),
        worst=geometry.diagonal, reads="mask", unit="mm",
    ),
    "assd": Metric(
        "assd", geometry.assd, level="per_case", better="lower", range=(0, math.inf), worst=geometry.diagonal,
        reads="mask", unit="mm",
    ),
    "masd": Metric(
        "masd", geometry.masd, level="per_case", better="lower", range=(0, math.inf), worst=geometry.diagonal,
        reads="mask", unit="mm",
    ),
    "nsd@2mm": Metric(
        "nsd@2mm", geometry.nsd, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask",
    ),
    "nsd@voxel@2mm": Metric(
        "nsd@voxel@2mm", geometry.nsd_voxel, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask",
    ),
    "panoptic_quality": Metric(
        "panoptic_quality", instances.panoptic_quality, level="per_case", better="higher", range=(0, 1), worst=0,
        reads="mask",
    ),
    "panoptic_quality@numbered": Metric(
        "panoptic_quality@numbered", instances.numbered_panoptic_quality, level="per_case", better="higher",
        range=(0, 1), worst=0, reads="instances",
    ),
    "sq": Metric(
        "sq", instances.segmentation_quality, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask",
    ),
    "sq@numbered": Metric(
        "sq@numbered", instances.numbered_segmentation_quality, level="per_case", better="higher", range=(0, 1),
        worst=0, reads="instances",
    ),
    "rq": Metric(
        "rq", instances.recognition_quality, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask",
    ),
    "rq@numbered": Metric(
        "rq@numbered", instances.numbered_recognition_quality, level="per_case", better="higher", range=(0, 1),
        worst=0, reads="instances",
    ),
    "lesion_f1": Metric(
        "lesion_f1", instances.lesion_f1, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask",
    ),
    "lesion_f1@0.1": Metric(
        "lesion_f1@0.1", instances.lesion_f1, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask",
        number="below_one",
    ),
    "lesion_f1@isles": Metric(
        "lesion_f1@isles", instances.lesion_f1_isles, level="per_case", better="higher", range=(0, 1), worst=0,
        reads="mask",
    ),
    "accuracy": Metric(
        "accuracy", labels.accuracy, level="per_case", better="higher", range=(0, 1), worst=0, reads="class",
    ),
    "balanced_accuracy": Metric(
        "balanced_accuracy", labels.balanced_accuracy, level="per_set", better="higher", range=(0, 1),
        worst=0, reads="class", resampled=labels.balanced_accuracy_resampled,
    ),
    "macro_f1": Metric(
        "macro_f1", averages.f1, level="per_set", better="higher", range=(0, 1), worst=0, reads="class",
        also_reads="multilabel", resampled=averages.f1_resampled,
    ),
    "f1@macro": averaged("f1@macro", averages.f1, averages.f1_resampled, "class"),
    "f1@micro": averaged("f1@micro", averages.f1, averages.f1_resampled, "class"),
    "f1@weighted": averaged("f1@weighted", averages.f1, averages.f1_resampled, "class"),
    "precision@macro": averaged("precision@macro", averages.precision, averages.precision_resampled, "class"),
    "precision@micro": averaged("precision@micro", averages.precision, averages.precision_resampled, "class"),
    "precision@weighted": averaged("precision@weighted", averages.precision, averages.precision_resampled, "class"),
    "recall@macro": averaged("recall@macro", averages.recall, averages.recall_resampled, "class"),
    "recall@micro": averaged("recall@micro", averages.recall, averages.recall_resampled, "class"),
    "recall@weighted": averaged("recall@weighted", averages.recall, averages.recall_resampled, "class"),
    "mcc": Metric(
        "mcc", labels.mcc, level="per_set", better="higher", range=(-1, 1), worst=-1, reads="class",
        resampled=labels.mcc_resampled,
    ),
    "quadratic_kappa": Metric(
        "quadratic_kappa", labels.quadratic_kappa, level="per_set", better="higher", range=(-1, 1), worst=-1,
        reads="class", resampled=labels.quadratic_kappa_resampled,
    ),
    "kappa@linear": Metric(
        "kappa@linear", labels.linear_kappa, level="per_set", better="higher", range=(-1, 1), worst=-1,
        reads="class", resampled=labels.linear_kappa_resampled,
    ),
    "expected_cost": Metric(
        "expected_cost", costs.expected_cost, level="per_set", better="lower", range=(0, math.inf), worst=math.inf,
        reads="class", resampled=costs.expected_cost_resampled, costs=True, failure=costs.dearest,
    ),
    "hamming_loss": Metric(
        "hamming_loss", averages.hamming_loss, level="per_case", better="lower", range=(0, 1), worst=1,
        reads="multilabel",
    ),
    "exact_match": Metric(
        "exact_match", averages.exact_match, level="per_case", better="higher", range=(0, 1), worst=0,
        reads="multilabel",
    ),
    "auroc": Metric(
        "auroc", ranking.auroc, level="per_set", better="higher", range=(0, 1), worst=0, reads="probability",
        also_reads="multilabel_probability", resampled=ranking.auroc_resampled, placements=ranking.placements,
    ),
    "auroc@macro": replace(
        averaged("auroc@macro", ranking.auroc, ranking.auroc_resampled, "probability"),
        placements=ranking.placements,
    ),
    "auroc@micro": averaged("auroc@micro", ranking.auroc, ranking.auroc_resampled, "probability"),
    "auroc@weighted": averaged("auroc@weighted", ranking.auroc, ranking.auroc_resampled, "probability"),
    "average_precision": Metric(
        "average_precision", ranking.average_precision, level="per_set", better="higher", range=(0, 1), worst=0,
        reads="probability", also_reads="multilabel_probability", resampled=ranking.average_precision_resampled,
    ),
    "average_precision@macro": averaged(
        "average_precision@macro", ranking.average_precision, ranking.average_precision_resampled, "probability",
    ),
    "average_precision@micro": averaged(
        "average_precision@micro", ranking.average_precision, ranking.average_precision_resampled, "probability",
    ),
    "average_precision@weighted": averaged(
        "average_precision@weighted", ranking.average_precision, ranking.average_precision_resampled, "probability",
    ),
    "sensitivity@0.9": Metric(
        "sensitivity@0.9", ranking.sensitivity_at, level="per_set", better="higher", range=(0, 1), worst=0,
        reads="probability", also_reads="multilabel_probability", number="share",
        resampled=ranking.sensitivity_at_resampled,
    ),
    "specificity@0.9": Metric(
        "specificity@0.9", ranking.specificity_at, level="per_set", better="higher", range=(0, 1), worst=0,
        reads="probability", also_reads="multilabel_probability", number="share",
        resampled=ranking.specificity_at_resampled,
    ),
    "brier": Metric(
        "brier", calibration.brier, level="per_case", better="lower", range=(0, 1), worst=1, reads="probability",
        also_reads="multilabel_probability",
    ),
    "log_loss": Metric(
        "log_loss", calibration.log_loss, level="per_case", better="lower", range=(0, calibration.WORST_LOG_LOSS),
        worst=calibration.WORST_LOG_LOSS, reads="probability", also_reads="multilabel_probability",
    ),
    "ece": Metric(
        "ece", calibration.ece, level="per_set", better="lower", range=(0, 1), worst=1, reads="probability",
        resampled=calibration.ece_resampled,
    ),
    "ece@15": Metric(
        "ece@15", calibration.ece, level="per_set", better="lower", range=(0, 1), worst=1, reads="probability",
        number="count", resampled=calibration.ece_resampled,
    ),
    "ece@mass@15": Metric(
        "ece@mass@15", calibration.ece_by_mass, level="per_set", better="lower", range=(0, 1), worst=1,
        reads="probability", number="count",
    ),
    "ece@classwise": Metric(
        "ece@classwise", calibration.classwise_ece, level="per_set", better="lower", range=(0, 1), worst=1,
        reads="probability", resampled=calibration.classwise_ece_resampled,
    ),
    "ece@classwise@15": Metric(
        "ece@classwise@15", calibration.classwise_ece, level="per_set", better="lower", range=(0, 1), worst=1,
        reads="probability", number="count", resampled=calibration.classwise_ece_resampled,
    ),
    "mae@4000": Metric(
        "mae@4000", images.mae, level="per_case", better="lower", range=(0, math.inf), worst="at", reads="image",
        number="positive",
    ),
    "psnr@4000": Metric(
        "psnr@4000", images.psnr, level="per_case", better="higher", range=(0, images.HIGHEST_PSNR), worst=0,
        reads="image", unit="dB", number="positive",
    ),
    "ssim@4000": Metric(
        "ssim@4000", images.ssim, level="per_case", better="higher", range=(-1, 1), worst=-1, reads="image",
        number="positive",
    ),
    "ms_ssim@4000": Metric(
        "ms_ssim@4000", images.ms_ssim, level="per_case", better="higher", range=(0, 1), worst=0, reads="image",
        number="positive",
    ),
    "tre": Metric(
        "tre", registration.tre, level="per_case", better="lower", range=(0, math.inf),
        worst=registration.diagonal_mm, reads="field", unit="mm",
    ),
    "tre95": Metric(
        "tre95", registration.tre95, level="per_case", better="lower", range=(0, math.inf),
        worst=registration.diagonal_mm, reads="field", unit="mm",
    ),
    "warped_dice": Metric(
        "warped_dice", registration.dice_of_warped, level="per_case", better="higher", range=(0, 1), worst=0,
        reads="field",
    ),
    "folding": Metric(
        "folding", registration.folding, level="per_case", better="lower", range=(0, 1), worst=1, reads="field",
    ),
    "sd_log_jacobian": Metric(
        "sd_log_jacobian", registration.sd_log_jacobians, level="per_case", better="lower",
        range=(0, registration.WORST_SD), worst=registration.WORST_SD, reads="field",
    ),
    "absolute_error@100": Metric(
        "absolute_error@100", regression.absolute_error, level="per_case", better="lower", range=(0, math.inf),
        worst="at", reads="number", number="positive",
    ),
    "rmse": Metric(
        "rmse", regression.rmse, level="per_set", better="lower", range=(0, math.inf), worst=math.inf, reads="number",
        resampled=regression.rmse_resampled,
    ),
    "r2": Metric(
        "r2", regression.r2, level="per_set", better="higher", range=(-math.inf, 1), worst=-math.inf, reads="number",
        resampled=regression.r2_resampled,
    ),
}  # fmt: skip


Costs = Sequence[Sequence[float]]
"""An assignment's costs of errors: a row for each true class, a column for each predicted class."""


def metric_named(name: str, folder: Path, costs: Costs | None = None) -> Metric:
    """The metric of that name, or the `Metric` at `"file.py:name"` inside the assignment's folder.

    The file is the instructor's and is trusted, so it is executed. A metric such as `expected_cost` needs `costs`.

    Raises:
        ValueError: there is no such metric, or it lacks its costs; the text says how to correct it.
    """
    metric = _own(name, folder) if ":" in name else _of_toolkit(name)
    if not metric.costs:
        return metric
    if costs is None:
        raise ValueError(f"metric {name} needs costs: add costs = [[0, 1], [5, 0]], a row for each class of the truth.")
    return metric.priced(costs)


def _of_toolkit(name: str) -> Metric:
    parts = metric_name(name)
    if parts.label == 0:
        raise ValueError(f"metric {name}: class 0 is the background; the classes of a map of labels count from 1.")
    by_form = {metric_form(each): metric for each, metric in METRICS.items()}
    metric = by_form.get(parts.form)
    if metric is not None:
        numbered = metric if parts.number is None else metric.at(parts.whole, parts.number)
        return numbered if parts.label is None else replace(numbered, name=name, classes=(parts.label,))
    cure = errors.nearest(parts.whole, METRICS)
    raise ValueError(f'no metric "{parts.whole}" (your own is "my_metrics.py:name"); {cure}')


def _own(name: str, folder: Path) -> Metric:
    file, _, attribute = name.partition(":")
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()) or path.suffix != ".py" or not path.is_file():
        raise ValueError(f"metric {name!r}: there is no file {file} in {folder}.")
    try:
        metric = runpy.run_path(str(path)).get(attribute)
    except (Exception, SystemExit) as error:  # an author's file may raise anything
        raise ValueError(f"metric {name!r}: {file} raised {type(error).__name__}: {error}") from error
    if not isinstance(metric, Metric):
        raise ValueError(
            f"metric {name!r}: {attribute} in {file} is not a Metric. Import Metric from graders.metrics and write "
            f"{attribute} = Metric({attribute!r}, function, level=..., better=..., range=..., worst=..., reads=...)"
        )
    return metric
