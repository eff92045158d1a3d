"""Metrics are found by name, or by path in the assignment's folder."""

import re
import subprocess
import sys
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest

from graders.metrics import METRICS, metric_named

OWN = '''
from __future__ import annotations
from dataclasses import dataclass
import numpy as np
from graders.metrics import Metric

@dataclass
class Lesion:
    size: int

def recall(predictions, truths, cases):
    """Share of the truth that is marked."""
    return np.array([(a & t).sum() / max(t.sum(), 1) for a, t in zip(predictions, truths)])

lesion_recall = Metric("lesion_recall", recall, level="per_case", better="higher", range=(0, 1), worst=0, reads="mask")
'''


def test_a_known_name_is_that_metric(tmp_path):
    assert metric_named("dice", tmp_path) is METRICS["dice"]


def test_the_number_in_a_name_is_the_assignments_to_choose(tmp_path):
    first, second = np.zeros((2, 1, 3, 9), bool)
    first[0, 1, 0] = second[0, 1, 2] = True
    (case,) = [SimpleNamespace(id="a", subject="a", spacing_mm=(1.0, 1.0), group=None)]
    for name, expected in (("nsd@voxel@1mm", 0), ("nsd@voxel@2mm", 1), ("nsd@voxel@2.5mm", 1)):
        metric = metric_named(name, tmp_path)
        assert metric.name == name
        assert metric.compute(first, second, [case]).tolist() == [expected]
    assert metric_named("mae@12.5", tmp_path).worst_of(second[0], case) == 12.5


def test_a_class_in_the_name_of_a_metric_of_masks_is_the_assignments_to_choose(tmp_path):
    metric = metric_named("nsd@voxel@3mm@class2", tmp_path)
    assert (metric.name, metric.classes, metric.reads) == ("nsd@voxel@3mm@class2", (2,), "mask")
    with pytest.raises(ValueError, match='no metric "dise"'):
        metric_named("dise@class2", tmp_path)


def test_a_class_in_a_name_is_a_number_from_1(tmp_path):
    with pytest.raises(ValueError, match="dice@class0: class 0 is the background"):
        metric_named("dice@class0", tmp_path)
    with pytest.raises(ValueError, match='no metric "dice@class²"'):
        metric_named("dice@class²", tmp_path)


@pytest.mark.parametrize("name", ["f1", "auroc", "average_precision"])
def test_the_name_without_an_average_is_the_macro_average_in_all_it_does(name):
    bare, macro = METRICS["macro_f1" if name == "f1" else name], METRICS[f"{name}@macro"]
    assert bare.placements == macro.placements
    assert (bare.range, bare.worst, bare.reads) == (macro.range, macro.worst, macro.reads)


@pytest.mark.parametrize("name", ["nsd", "nsd@2", "nsd@mm", "dice@2mm", "nsd@-1mm", "sensitivity@0.9mm"])
def test_a_number_goes_with_a_metric_that_takes_it_in_its_unit(tmp_path, name):
    with pytest.raises(ValueError, match=f'no metric "{name}"'):
        metric_named(name, tmp_path)


NUMBERED = sorted({re.sub(r"@[\d.]+", "@{}", name) for name in METRICS if re.search(r"@[\d.]+", name)})
NUMBERS = ("0", "0.0", "0.4", "1", "1.0", "1.5", "2", "99.5", "100", "101", "9" * 39, "9" * 400)


def computed(metric):
    """A metric computed for two cases whose predictions equal the truth; metrics of images need a minimal size."""
    masks = np.zeros((2, 1, 4, 4), dtype=bool)
    masks[:, :, 1:3, 1:3] = True
    y = np.array([0, 1])
    images = np.random.default_rng(1).uniform(0, 1, (2, 176, 176)).astype(np.float32)
    truth = {"mask": masks, "image": images, "number": y.astype(np.float64), "probability": y.astype(np.float64)}[
        metric.reads
    ]
    cases = [SimpleNamespace(id=name, subject=name, spacing_mm=(1.0, 1.0, 1.0), group=None) for name in "ab"]
    return metric.compute(truth, y if metric.reads == "probability" else truth, cases)


@pytest.mark.parametrize("form", NUMBERED)
def test_a_number_that_a_metric_cannot_be_computed_with_is_refused_when_it_is_named(tmp_path, form):
    """Else it would withhold a mark when the first submission is scored."""
    possible = []
    for number in NUMBERS:
        with suppress(ValueError):
            possible.append(metric_named(form.format(number), tmp_path))
    assert possible
    assert all(np.isfinite(computed(metric)).all() for metric in possible)


@pytest.mark.parametrize(("name", "says"), [
    ("psnr@0", "above 0"), ("ssim@0.0", "above 0"), ("ms_ssim@0", "above 0"), ("mae@0", "above 0"),
    ("absolute_error@0", "above 0"), ("lesion_f1@1", "a share, from 0 to below 1"),
    ("nsd@" + "9" * 40 + "mm", "0 or more"),
])  # fmt: skip
def test_the_message_of_an_impossible_number_says_what_is_possible(tmp_path, name, says):
    with pytest.raises(ValueError, match=f"metric {name}: its number must be {says}"):
        metric_named(name, tmp_path)


def test_an_unknown_name_names_the_nearest_or_lists_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="use one of: absolute_error@100, accuracy, "):
        metric_named("zzz", tmp_path)
    with pytest.raises(ValueError, match=r'no metric "dise" .*; did you mean "dice"\?'):
        metric_named("dise", tmp_path)


def test_an_instructors_own_metric_is_a_path(tmp_path):
    (tmp_path / "my_metrics.py").write_text(OWN)
    metric = metric_named("my_metrics.py:lesion_recall", tmp_path)
    assert (metric.name, metric.level, metric.reads) == ("lesion_recall", "per_case", "mask")


def test_the_message_of_a_plain_function_by_path_says_how_to_make_it_a_metric(tmp_path):
    (tmp_path / "my_metrics.py").write_text(OWN)
    with pytest.raises(ValueError, match=r"recall in my_metrics\.py is not a Metric"):
        metric_named("my_metrics.py:recall", tmp_path)


@pytest.mark.parametrize(("text", "message"), [
    ("import beside", "ModuleNotFoundError: No module named 'beside'"), ("1 / 0", "ZeroDivisionError: division"),
    ("raise SystemExit(3)", "SystemExit: 3"),
])  # fmt: skip
def test_the_message_of_a_file_that_cannot_be_run_says_what_it_raised(tmp_path, text, message):
    (tmp_path / "my_metrics.py").write_text(text)
    with pytest.raises(ValueError, match=rf"my_metrics\.py:recall.* my_metrics\.py raised {message}"):
        metric_named("my_metrics.py:recall", tmp_path)


@pytest.mark.parametrize("name", ["none.py:x", "../my_metrics.py:x", "my_metrics.txt:x"])
def test_a_path_must_be_a_file_of_the_assignments_folder(tmp_path, name):
    (tmp_path / "my_metrics.py").write_text(OWN)
    inside = tmp_path / "assignment"
    inside.mkdir()
    with pytest.raises(ValueError, match="there is no file"):
        metric_named(name, inside)


def test_to_know_the_metrics_brings_none_of_the_slow_packages_that_a_few_of_them_need():
    """Every command looks its metrics up; these take from half a second to two."""
    code = "import sys, graders.metrics; print(*({'scipy.stats', 'sklearn', 'skimage'} & set(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.split() == []
