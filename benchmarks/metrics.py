"""CPU time of the peers' full set of metrics divided by medmark's: interleaved, in one thread, median of the rounds.

    python benchmarks/metrics.py [--rounds 7] [--data FOLDER] [--only segmentation|garbage|bootstrap|instances|images]

Needs the peers (pip install '.[verify]'). The full set is Dice, IoU, HD, HD95, mean surface distance and NSD at 2 mm,
for all classes, as a user of each library calls it. MONAI and MedPy measure surface voxels, DeepMind measures surfels;
each is compared with medmark's metrics of the same surface. Without --data the volumes are phantoms of the prostate's
size. With it the first PROMISE12 label is the truth, and the same label, smoothly deformed by about 2.5 mm, the
prediction.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from scipy import ndimage

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from graders.metrics.images import peak_signal_to_noise, structural_similarity  # noqa: E402
from graders.metrics.instances import lesion_f1, lesion_f1_isles, panoptic_quality  # noqa: E402
from graders.metrics.label_maps import score_labels  # noqa: E402
from graders.metrics.ranking import auroc_resampled, average_precision_resampled  # noqa: E402
from tests.graders.metrics.golden.peers import deepmind, medpy, monai, panoptic, psnr, ssim  # noqa: E402

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
SPACING = (3.6, 0.625, 0.625)
TOLERANCE_MM = 2.0
"""The volumes' spacing, and the NSD's tolerance."""
GOALS = {"binary small": 15, "4 classes small": 20, "binary big": 20, "4 classes big": 80}


def main() -> None:
    """Print all tables, or the one that --only names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--data", type=Path, help="folder of PROMISE12; see assignments/data/sources/promise12.py")
    parser.add_argument("--only", choices=["segmentation", "garbage", "bootstrap", "instances", "images"])
    options = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        # The libraries read these when they are loaded.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    warnings.simplefilter("ignore")
    prediction, truth = promise12(options.data) if options.data else phantoms()
    if options.only in (None, "segmentation"):
        segmentation(prediction, truth, options.rounds)
    if options.only in (None, "garbage"):
        garbage(truth, options.rounds)
    if options.only in (None, "bootstrap"):
        bootstrap(options.rounds)
    if options.only in (None, "instances"):
        instances(options.rounds)
    if options.only in (None, "images"):
        images(options.rounds)


def segmentation(prediction: np.ndarray, truth: np.ndarray, rounds: int) -> None:
    """Four configurations: two sizes, one class and four beside the background."""
    print(f"{'full set, times medmark':24}{'medmark ms':>11}{'MONAI':>8}{'goal':>6}{'MedPy':>8}"
          f"{'surfels ms':>12}{'DeepMind':>10}{'goal':>6}{'times reading':>15}")  # fmt: skip
    for name, goal in GOALS.items():
        sizes = (4, 2, 2) if "big" in name else (1, 1, 1)
        pair = [np.kron(labels, np.ones(sizes, np.uint8)) for labels in (prediction, truth)]
        classes = (1,)
        if "4" in name:
            pair, classes = [quarters(labels) for labels in pair], (1, 2, 3, 4)
        else:
            pair = [labels.astype(bool) for labels in pair]
        calls = {
            "medmark": partial(medmark, *pair, classes, "voxels"),
            "surfels": partial(medmark, *pair, classes, "surfels"),
            "monai": partial(monai, *pair, SPACING, classes, TOLERANCE_MM),
            "medpy": partial(medpy, *pair, SPACING, classes),
            "deepmind": partial(deepmind, *pair, SPACING, classes, TOLERANCE_MM),
            "read": partial(read, *pair),
        }
        took = times(calls, rounds)
        print(f"{name:24}{took['medmark'] * 1e3:11.2f}{took['monai'] / took['medmark']:8.1f}{goal:6}"
              f"{took['medpy'] / took['medmark']:8.1f}{took['surfels'] * 1e3:12.2f}"
              f"{took['deepmind'] / took['surfels']:10.1f}{3:6}{took['medmark'] / took['read']:15.0f}")  # fmt: skip


def garbage(truth: np.ndarray, rounds: int) -> None:
    """Predictions far from the truth, for which a search for the nearest point takes longest."""
    rng = np.random.default_rng(0)
    blob, stray = np.zeros(truth.shape, bool), np.zeros(truth.shape, bool)
    blob[:4, :12, :12] = True
    stray[-1, -1, -1] = True
    predictions = {
        "noise 1 %": rng.random(truth.shape) < 0.01,
        "noise 50 %": rng.random(truth.shape) < 0.5,
        "all ones": np.ones(truth.shape, bool),
        "far blob": blob,
        "stray voxel": truth.astype(bool) | stray,
    }
    print(f"\n{'garbage':24}{'medmark ms':>11}{'MONAI':>8}{'MedPy':>8}{'surfels ms':>12}{'DeepMind':>10}"
          f"{'medmark / fastest':>18}{'goal':>6}")  # fmt: skip
    for name, prediction in predictions.items():
        pair = [prediction, truth.astype(bool)]
        calls = {
            "medmark": partial(medmark, *pair, (1,), "voxels"),
            "surfels": partial(medmark, *pair, (1,), "surfels"),
            "monai": partial(monai, *pair, SPACING, (1,), TOLERANCE_MM),
            "medpy": partial(medpy, *pair, SPACING, (1,)),
            "deepmind": partial(deepmind, *pair, SPACING, (1,), TOLERANCE_MM),
        }
        took = times(calls, rounds)
        fastest = max(took["medmark"] / min(took["monai"], took["medpy"]), took["surfels"] / took["deepmind"])
        print(f"{name:24}{took['medmark'] * 1e3:11.2f}{took['monai'] / took['medmark']:8.1f}"
              f"{took['medpy'] / took['medmark']:8.1f}{took['surfels'] * 1e3:12.2f}"
              f"{took['deepmind'] / took['surfels']:10.1f}{fastest:18.2f}{1.1:6}")  # fmt: skip


def bootstrap(rounds: int) -> None:
    """2000 resamples of 1000 cases, drawing included; scikit-learn's loop is timed over 200 and multiplied."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(0)
    n, resamples, looped = 1000, 2000, 200
    truth = (rng.random(n) < 0.3).astype(np.int64)
    scores = np.clip(0.4 * truth + rng.normal(0.3, 0.3, n), 0, 1).round(3)

    def loop(metric: Callable[..., float]) -> None:
        for drawn in np.random.default_rng(1).integers(n, size=(looped, n)):
            metric(truth[drawn], scores[drawn])

    def at_once(metric: Callable[..., np.ndarray]) -> None:
        draws = np.random.default_rng(1)
        for _ in range(0, resamples, 100):  # the data of a hundred fit in the cache
            metric(scores, truth, drawn_counts(draws, 100, n))

    print(f"\n{'bootstrap 2000 x 1000':24}{'medmark ms':>11}{'scikit-learn':>14}{'goal':>6}")
    for name, peer, metric, goal in (
        ("AUROC", roc_auc_score, auroc_resampled, "150"),
        ("average precision", average_precision_score, average_precision_resampled, ""),
    ):
        took = times({"peer": partial(loop, peer), "medmark": partial(at_once, metric)}, rounds)
        ratio = took["peer"] * resamples / looped / took["medmark"]
        print(f"{name:24}{took['medmark'] * 1e3:11.2f}{ratio:14.0f}{goal:>6}")


def instances(rounds: int) -> None:
    """64 x 192 x 192 voxels with about 560 components, then a prediction of noise; panoptica where it is installed."""
    rng = np.random.default_rng(1)
    ball = (np.indices((9, 9, 9)) - 4.0) ** 2
    truth = np.zeros((64, 192, 192), bool)
    for _ in range(700):
        low = [int(rng.integers(1, size - 9)) for size in truth.shape]
        truth[tuple(slice(at, at + 9) for at in low)] |= ball.sum(axis=0) <= rng.uniform(1.2, 4) ** 2
    moved = np.roll(truth, (1, 1), (1, 2)) & (rng.random(truth.shape) < 0.98)
    print(f"\n{'instances, ms':24}{'PQ':>9}{'lesion F1':>11}{'ISLES':>9}{'panoptica':>11}{'medmark goal':>14}")
    for name, prediction in (("562 components", moved), ("noise 50 %", rng.random(truth.shape) < 0.5)):
        pair = [prediction[None], truth[None], [None]]
        calls = {
            "pq": partial(panoptic_quality, *pair),
            "f1": partial(lesion_f1, *pair),
            "isles": partial(lesion_f1_isles, *pair),
        }
        if importlib.util.find_spec("panoptica") and name != "noise 50 %":
            calls["panoptica"] = partial(panoptic, prediction, truth)
        took = {of: seconds * 1e3 for of, seconds in times(calls, rounds).items()}
        peer = f"{took['panoptica'] / 2:11.0f}" if "panoptica" in took else f"{'':11}"  # it evaluates twice
        goal = "90" if name != "noise 50 %" else ""
        print(f"{name:24}{took['pq']:9.0f}{took['f1']:11.0f}{took['isles']:9.0f}{peer}{goal:>14}")


def images(rounds: int) -> None:
    """PSNR and SSIM of smooth noise, against scikit-image."""
    rng = np.random.default_rng(0)
    print(f"\n{'images':24}{'PSNR ms':>9}{'peer':>7}{'SSIM ms':>10}{'peer':>7}{'goal':>6}")
    for shape in ((64, 128, 128), (256, 256)):
        truth = ndimage.gaussian_filter(rng.normal(size=shape), 1.5) * 3000
        image = truth + rng.normal(0, 60, shape)
        for kind in (np.float32, np.float64):
            pair = (image.astype(kind), truth.astype(kind), 4000.0)
            took = times({
                "psnr": partial(peak_signal_to_noise, *pair), "psnr peer": partial(psnr, *pair),
                "ssim": partial(structural_similarity, *pair), "ssim peer": partial(ssim, *pair),
            }, rounds)  # fmt: skip
            name = " x ".join(map(str, shape)) + f" {kind.__name__}"
            print(f"{name:24}{took['psnr'] * 1e3:9.2f}{took['psnr peer'] / took['psnr']:7.2f}"
                  f"{took['ssim'] * 1e3:10.1f}{took['ssim peer'] / took['ssim']:7.2f}{1:6}")  # fmt: skip


def drawn_counts(rng: np.random.Generator, resamples: int, n: int) -> np.ndarray:
    """How often each of n cases is drawn in each resample, (resamples, n)."""
    drawn = rng.integers(n, size=(resamples, n))
    drawn += np.arange(0, resamples * n, n)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n)


def medmark(prediction: np.ndarray, truth: np.ndarray, classes: tuple[int, ...], surface: str) -> object:
    """medmark's full set for one kind of surface."""
    return score_labels(prediction, truth, SPACING, classes=classes, tolerance_mm=TOLERANCE_MM, surfaces=(surface,))


def read(prediction: np.ndarray, truth: np.ndarray) -> int:
    """The minimum for any method: a look at every voxel."""
    return int(prediction.view(np.uint8).max()) + int(truth.view(np.uint8).max())


def times(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each call. Calls take turns, so a busy machine slows all of them; quick ones repeat."""
    took: dict[str, list[float]] = {name: [] for name in calls}
    repeats = {}
    for name, call in calls.items():
        start = time.process_time()
        call()
        repeats[name] = max(1, min(20, int(0.03 / max(time.process_time() - start, 1e-4))))
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            for _ in range(repeats[name]):
                call()
            took[name].append((time.process_time() - start) / repeats[name])
    return {name: statistics.median(each) for name, each in took.items()}


def phantoms() -> tuple[np.ndarray, np.ndarray]:
    """Two outlines of a gland, (32, 128, 128) uint8, a few millimetres apart."""
    z, y, x = np.indices((32, 128, 128))
    wave = np.sin(x / 5) + np.cos(y / 6) + np.sin(z / 2)
    truth = ((z - 16) / 10) ** 2 + ((y - 64) / 29) ** 2 + ((x - 62) / 33) ** 2 + 0.03 * wave < 1
    prediction = ((z - 16.5) / 9.5) ** 2 + ((y - 66) / 27) ** 2 + ((x - 63) / 34) ** 2 - 0.04 * wave < 1
    return prediction.astype(np.uint8), truth.astype(np.uint8)


def promise12(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """A patient's label, smoothly deformed as a network might predict it, and the label itself."""
    truth = np.load(folder / "label_train00.npy", allow_pickle=False).astype(np.uint8)
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.normal(size=truth.shape), (1.5, 6, 6))
    inside = ndimage.distance_transform_edt(truth, SPACING) - ndimage.distance_transform_edt(1 - truth, SPACING)
    return (inside + 2.5 * noise / noise.std() > 0.3).astype(np.uint8), truth


def quarters(labels: np.ndarray) -> np.ndarray:
    """A gland in four classes: left and right of the middle column, in front of and behind the middle row."""
    row, column = (np.arange(size) >= size // 2 for size in labels.shape[1:])
    return (labels * (1 + row[:, None] * 2 + column)).astype(np.uint8)


if __name__ == "__main__":
    main()
