"""Every segmentation metric against the peers on PROMISE12: the largest difference, over all patients.

    make verify DATA=folder        (installs the peers: pip install '.[verify]')

The prediction for each patient's outline is the outline itself, shifted and torn as by a network, and once more
in three classes. Exits with 1 where a difference is above its tolerance.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parents[4]))

from graders.metrics import geometry
from graders.metrics.label_maps import score_labels
from graders.metrics.pairs import pair
from graders.metrics.surfaces import surfel_distances
from tests.graders.metrics.golden import peers

SPACING = (3.6, 0.625, 0.625)
TOLERANCE_MM = 2.0
ALLOWED = {"MedPy": 1e-9, "surface-distance": 1e-9, "MONAI": 2e-4, "SimpleITK": 1e-9}
"""MONAI measures in float32: among 10,000 distances the place of its percentile is known to a thousandth."""


def main():
    """Print a row for each peer and metric."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of label_trainNN.npy")
    files = sorted(parser.parse_args().data.glob("label_train*.npy"))
    if not files:
        sys.exit("no label_trainNN.npy in that folder; assignments/data/sources/promise12.py describes it")
    warnings.simplefilter("ignore")
    worst, compared = {}, 0
    for file in files:
        truth = np.load(file, allow_pickle=False).astype(np.uint8)
        prediction = torn(truth, int("".join(c for c in file.stem if c.isdigit())))
        for predicted, true, classes in ((prediction, truth, (1,)), (thirds(prediction), thirds(truth), (1, 2, 3))):
            held = tuple(c for c in classes if (predicted == c).any() and (true == c).any())
            compared += len(held)
            for peer, name, difference in differences(predicted, true, classes, held):
                worst[peer, name] = max(worst.get((peer, name), 0.0), difference)
    print(f"{len(files)} patients, {compared} pairs of masks\n{'peer':18}{'metric':26}{'largest difference':>20}")
    for (peer, name), difference in worst.items():
        print(f"{peer:18}{name:26}{difference:20.1e}" + ("" if difference <= ALLOWED[peer] else "   ABOVE"))
    sys.exit(any(difference > ALLOWED[peer] for (peer, _), difference in worst.items()))


def differences(prediction, truth, classes, held):
    """The difference of each peer's value from the toolkit's, by metric and class."""
    computed = score_labels(prediction, truth, SPACING, classes=classes, tolerance_mm=TOLERANCE_MM)
    for c, distances in surfel_distances(pair(prediction, truth, SPACING, classes)).items():
        if c in held:
            from_answer, from_truth = geometry.directed_means_by_area(distances)
            computed[c] |= {"mean_from_answer@surfel": from_answer, "mean_from_truth@surfel": from_truth}
            computed[c] |= {"hd@surfel": geometry.largest(distances)}
    expected = {
        "MedPy": peers.medpy(prediction, truth, SPACING, held),
        "surface-distance": peers.deepmind(prediction, truth, SPACING, held, TOLERANCE_MM),
        "MONAI": peers.monai(prediction, truth, SPACING, held, TOLERANCE_MM),
        "SimpleITK": peers.simpleitk(prediction, truth, SPACING, held),
    }
    for peer, of in expected.items():
        for c, values in of.items():
            for name, value in values.items():
                yield peer, name, abs(value - computed[c][name])


def torn(truth, seed):
    """The outline moved by smooth noise of about 2.5 mm."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=truth.shape), (1.5, 6, 6))
    inside = ndimage.distance_transform_edt(truth, SPACING) - ndimage.distance_transform_edt(1 - truth, SPACING)
    return (inside + 2.5 * noise / noise.std() > 0.3).astype(np.uint8)


def thirds(mask):
    """The mask in three classes, by thirds of the image along its last axis."""
    return mask * (1 + np.arange(mask.shape[-1]) * 3 // mask.shape[-1]).astype(np.uint8)


if __name__ == "__main__":
    main()
