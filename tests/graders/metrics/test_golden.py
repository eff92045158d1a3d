"""Metrics against the stored values of the peers, on inputs made anew from seeds; `golden/make_golden.py` made them."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from graders.metrics import distributions, geometry, images, metric_named, registration
from graders.metrics.label_maps import score_labels
from graders.metrics.pairs import pair
from graders.metrics.surfaces import surfel_distances

GOLDEN = Path(__file__).parent / "golden"
EXACT = 1e-9
SINGLE = 5e-5
"""MONAI measures distances of up to 90 mm in float32, and in float32 finds the place of a percentile between two."""


def module(name):
    spec = importlib.util.spec_from_file_location(name, GOLDEN / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


INPUTS = module("inputs")


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "golden.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def computed(golden):
    """The toolkit's values in the rows of the table, every metric that one of the peers has."""
    rows, seeds = [], golden["seed"].astype(int)
    for seed in np.unique(seeds):
        prediction, truth, spacing, classes = INPUTS.labels(seed)
        scores = score_labels(prediction, truth, spacing, classes=classes, tolerance_mm=INPUTS.TOLERANCE_MM)
        surfels = surfel_distances(pair(prediction, truth, spacing, classes))
        for c in golden["class"][seeds == seed].astype(int):
            from_answer, from_truth = geometry.directed_means_by_area(surfels[c])
            extra = {"mean_from_answer@surfel": from_answer, "mean_from_truth@surfel": from_truth}
            rows.append(scores[c] | extra | {"hd@surfel": geometry.largest(surfels[c])})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def test_the_table_holds_500_volumes_with_values_of_every_peer(golden):
    assert len(np.unique(golden["seed"])) >= 500
    assert {name.split("/")[0] for name in golden if "/" in name} == {"medpy", "monai", "deepmind", "simpleitk"}
    assert all(np.isfinite(golden[name]).all() for name in golden)


@pytest.mark.parametrize("name", ["dice", "iou", "hd", "hd95@medpy", "assd"])
def test_equal_to_medpy(computed, golden, name):
    assert np.abs(computed[name] - golden[f"medpy/{name}"]).max() <= EXACT


@pytest.mark.parametrize(
    "name", ["dice", "hd@surfel", "hd95@deepmind", "mean_from_answer@surfel", "mean_from_truth@surfel", "nsd"]
)
def test_equal_to_surface_distance(computed, golden, name):
    assert np.abs(computed[name] - golden[f"deepmind/{name}"]).max() <= EXACT


@pytest.mark.parametrize("name", ["dice", "iou", "hd", "hd95", "assd", "nsd@voxel"])
def test_equal_to_monai_within_single_precision(computed, golden, name):
    assert np.abs(computed[name] - golden[f"monai/{name}"]).max() <= SINGLE


@pytest.mark.parametrize("name", ["dice", "iou"])
def test_overlap_equal_to_simpleitk(computed, golden, name):
    assert np.abs(computed[name] - golden[f"simpleitk/{name}"]).max() <= EXACT


@pytest.fixture(scope="module")
def masks():
    with np.load(GOLDEN / "golden_masks.npz", allow_pickle=False) as file:
        return dict(file)


MASKS = {
    **dict.fromkeys(("sensitivity", "specificity", "precision"), EXACT),
    **dict.fromkeys(("f_beta@2", "f_beta@0.5"), EXACT),
    **dict.fromkeys(("hd@90", "hd@to_truth@95", "hd@to_answer@95", "hd@to_answer@50"), 2 * SINGLE),
    **dict.fromkeys(("panoptic_quality", "sq", "rq", "lesion_f1@0.1"), EXACT),
    **dict.fromkeys(("cldice", "volume_difference@ml"), EXACT),
    **dict.fromkeys(("boundary_iou@1", "boundary_iou@2", "boundary_iou@3"), EXACT),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_equal_to_the_peers_that_peers_py_names(masks, name):
    seeds = masks[name][:, 0].astype(int)
    assert len(seeds) >= 60
    metric = metric_named(name, GOLDEN)
    for seed, expected in zip(seeds, masks[name][:, 1], strict=True):
        prediction, truth, spacing = INPUTS.masks(seed)
        case = SimpleNamespace(id="a", subject="a", spacing_mm=spacing, group=None)
        assert metric.compute(prediction[None], truth[None], [case]) == pytest.approx([expected], abs=MASKS[name])


def test_thin_volumes_equal_to_monai_with_a_window_for_each_axis(masks):
    for seed, expected in masks["ssim"]:
        value = images.structural_similarity(*INPUTS.thin(int(seed)), 4000.0)
        assert value == pytest.approx(expected, abs=1e-6)  # MONAI's Gaussian is of float32


def test_images_equal_to_scikit_image_and_monai(golden):
    for seed in range(6):
        image, truth = INPUTS.images(seed)
        assert images.structural_similarity(image, truth, 4000.0) == pytest.approx(golden["ssim"][seed], abs=EXACT)
        assert images.peak_signal_to_noise(image, truth, 4000.0) == pytest.approx(golden["psnr"][seed], abs=EXACT)
        if seed % 2 == 0:  # MONAI's Gaussian is of float32
            value = images.multi_scale_similarity(image, truth, 4000.0)
            assert value == pytest.approx(golden["ms_ssim"][seed // 2], abs=1e-6)


def test_frechet_distance_equal_to_monai(golden):
    for seed in range(6):
        value = distributions.frechet_distance(*INPUTS.features(seed))
        assert value == pytest.approx(golden["frechet"][seed], rel=EXACT)


def test_jacobian_equal_to_simpleitk(golden):
    value = np.concatenate([registration.jacobian_determinant(INPUTS.field(seed)).ravel() for seed in range(6)])
    assert np.abs(value - golden["jacobian"]).max() <= EXACT
