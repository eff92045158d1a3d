"""The metrics by name, and an instructor's own by path. What a score becomes is not decided here.

A metric is added in two places: its function in a file of this folder, its line in `METRICS`.
"""

from __future__ import annotations

import difflib
import math
import runpy
from pathlib import Path

from graders.metrics import geometry, labels, overlap, ranking
from graders.metrics.metric import Array, Case, Floats, Metric

__all__ = ["METRICS", "Array", "Case", "Floats", "Metric", "metric_named"]

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
    "hd95": Metric(
        "hd95", geometry.hd95, level="per_case", better="lower", range=(0, math.inf),
        worst=geometry.diagonal, reads="mask", unit="mm",
    ),
    "accuracy": Metric(
        "accuracy", labels.accuracy, level="per_case", better="higher", range=(0, 1), worst=0, reads="class",
    ),
    "balanced_accuracy": Metric(
        "balanced_accuracy", labels.balanced_accuracy, level="per_set", better="higher", range=(0, 1),
        worst=0, reads="class", resampled=labels.balanced_accuracy_resampled,
    ),
    "macro_f1": Metric(
        "macro_f1", labels.macro_f1, level="per_set", better="higher", range=(0, 1), worst=0, reads="class",
        resampled=labels.macro_f1_resampled,
    ),
    "auroc": Metric(
        "auroc", ranking.auroc, level="per_set", better="higher", range=(0, 1), worst=0, reads="probability",
        resampled=ranking.auroc_resampled,
    ),
}  # fmt: skip


def metric_named(name: str, folder: Path) -> Metric:
    """The metric of that name, or the `Metric` at `"file.py:name"` inside the assignment's folder.

    The file is the instructor's and is trusted: it is run. `ValueError` says what is wrong and how to go on.
    """
    if ":" in name:
        return _own(name, folder)
    if name in METRICS:
        return METRICS[name]
    near = difflib.get_close_matches(name, METRICS, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    known = ", ".join(METRICS)
    raise ValueError(f'no metric {name!r}.{guess} Metrics: {known}; your own is "my_metrics.py:name".')


def _own(name: str, folder: Path) -> Metric:
    file, _, attribute = name.partition(":")
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()) or path.suffix != ".py" or not path.is_file():
        raise ValueError(f"metric {name!r}: there is no file {file} in {folder}.")
    metric = runpy.run_path(str(path)).get(attribute)
    if not isinstance(metric, Metric):
        raise ValueError(
            f"metric {name!r}: {attribute} in {file} is no Metric. Import Metric from graders.metrics and write "
            f"{attribute} = Metric({attribute!r}, function, level=..., better=..., range=..., worst=..., reads=...)"
        )
    return metric
