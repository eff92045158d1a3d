"""Makes golden.npz and golden_masks.npz: what MedPy, MONAI, surface-distance, SimpleITK, scikit-image, scikit-learn,
panoptica and OpenCV give for the inputs of inputs.py.

    python tests/graders/metrics/golden/make_golden.py        (needs pip install '.[verify]' and, as it
    pins old NumPy, pip install --no-deps panoptica connected-components-3d)

Rows of a segmentation table are (seed, class); nan where a peer has no value, since a map lacks the class.
"""

import sys
import warnings
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[3]))

from tests.graders.metrics.golden import inputs, peers  # noqa: E402

EXAMPLES = range(6)


def main():
    """Write the file beside this one."""
    warnings.simplefilter("ignore")
    tables = segmentation()
    tables |= {
        "ssim": [peers.ssim(*inputs.images(seed), 4000.0) for seed in EXAMPLES],
        "psnr": [peers.psnr(*inputs.images(seed), 4000.0) for seed in EXAMPLES],
        "ms_ssim": [peers.ms_ssim(*inputs.images(seed), 4000.0) for seed in EXAMPLES if seed % 2 == 0],
        "frechet": [peers.frechet(*inputs.features(seed)) for seed in EXAMPLES],
        "jacobian": [peers.jacobian(inputs.field(seed)) for seed in EXAMPLES],
    }
    tables["jacobian"] = np.concatenate([each.ravel() for each in tables["jacobian"]])
    np.savez_compressed(HERE / "golden.npz", **{name: np.asarray(table) for name, table in tables.items()})
    np.savez_compressed(HERE / "golden_masks.npz", **masks())


def segmentation():
    """A column for each peer and metric."""
    rows = []
    for seed in range(inputs.VOLUMES):
        prediction, truth, spacing, classes = inputs.labels(seed)
        both = tuple(c for c in classes if (prediction == c).any() and (truth == c).any())
        if not both:
            continue
        by_peer = {
            "medpy": peers.medpy(prediction, truth, spacing, both),
            "monai": peers.monai(prediction, truth, spacing, both, inputs.TOLERANCE_MM),
            "deepmind": peers.deepmind(prediction, truth, spacing, both, inputs.TOLERANCE_MM),
            "simpleitk": peers.simpleitk(prediction, truth, spacing, both),
        }
        for c in both:
            row = {"seed": seed, "class": c}
            rows.append(row | {f"{peer}/{name}": v for peer, of in by_peer.items() for name, v in of[c].items()})
    return {name: np.array([row[name] for row in rows], np.float64) for name in rows[0]}


def masks():
    """The tables of pairs of masks, each with the seeds that its rows are of, and thin volumes' SSIM."""
    tables = {}

    def put(seed, values):
        for name, value in values.items():
            if np.isfinite(value):  # panoptica has no SQ where nothing matches
                tables.setdefault(name, []).append((seed, value))

    for seed in range(inputs.PAIRS):
        prediction, truth, spacing = inputs.masks(seed)
        if prediction.any() and truth.any():
            put(seed, peers.counted(prediction, truth) | peers.directed(prediction, truth, spacing))
            put(seed, {"cldice": peers.centerlines(prediction, truth)})
            if truth.ndim == 3:
                put(seed, peers.panoptic(prediction, truth))
                put(seed, {"volume_difference@ml": peers.millilitres(prediction, truth, spacing)})
            else:
                put(seed, {f"boundary_iou@{width}": peers.rims(prediction, truth, width) for width in (1, 2, 3)})
    for seed in EXAMPLES:
        put(seed, {"ssim": peers.thin_ssim(*inputs.thin(seed), 4000.0)})
    return {name: np.array(table, np.float64) for name, table in tables.items()}


if __name__ == "__main__":
    main()
