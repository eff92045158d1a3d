"""How MedPy, MONAI and DeepMind's surface-distance are called. They are imported on a call, never by `make test`.

Each function takes label maps, spacing and classes, and returns the metrics by class, under our names. Where one of the
maps lacks the class the peers raise, or give nan, inf or 0: test_edge_cases.py says what is right.
"""

from __future__ import annotations

import numpy as np


def medpy(answer, truth, spacing, classes):
    """MedPy 0.5: float64, surface voxels, directions pooled; no NSD."""
    from medpy.metric import binary

    found = {}
    for c in classes:
        one, other = answer == c, truth == c
        found[c] = {
            "dice": binary.dc(one, other),
            "iou": binary.jc(one, other),
            "hd": binary.hd(one, other, spacing),
            "hd95@medpy": binary.hd95(one, other, spacing),
            "assd": binary.assd(one, other, spacing),
        }
    return found


def monai(answer, truth, spacing, classes, tolerance):
    """MONAI 1.6: float32, surface voxels; HD95 the larger of the two directions."""
    import torch
    from monai.metrics import (
        compute_average_surface_distance,
        compute_dice,
        compute_hausdorff_distance,
        compute_iou,
        compute_surface_dice,
    )

    labels = (0, *classes)
    one, other = (
        torch.from_numpy(np.stack([mask == c for c in labels])[None].astype(np.float32)) for mask in (answer, truth)
    )
    spaced = {"spacing": list(spacing), "include_background": False}
    values = {
        "dice": compute_dice(one, other, include_background=False),
        "iou": compute_iou(one, other, include_background=False),
        "hd": compute_hausdorff_distance(one, other, **spaced),
        "hd95": compute_hausdorff_distance(one, other, percentile=95, **spaced),
        "assd": compute_average_surface_distance(one, other, symmetric=True, **spaced),
        "nsd@voxel": compute_surface_dice(one, other, class_thresholds=[tolerance] * len(classes), **spaced),
    }
    return {c: {name: float(value[0, i]) for name, value in values.items()} for i, c in enumerate(classes)}


def deepmind(answer, truth, spacing, classes, tolerance):
    """surface-distance 0.1: float64, surfels by area."""
    import surface_distance.metrics as peer

    found = {}
    for c in classes:
        one, other = answer == c, truth == c
        distances = peer.compute_surface_distances(other, one, spacing)
        from_truth, from_answer = peer.compute_average_surface_distance(distances)
        found[c] = {
            "dice": peer.compute_dice_coefficient(other, one),
            "hd@surfel": peer.compute_robust_hausdorff(distances, 100),
            "hd95@deepmind": peer.compute_robust_hausdorff(distances, 95),
            "mean_from_truth@surfel": from_truth,
            "mean_from_answer@surfel": from_answer,
            "nsd": peer.compute_surface_dice_at_tolerance(distances, tolerance),
        }
    return found


def simpleitk(answer, truth, spacing, classes):
    """SimpleITK 2.5: overlap by class."""
    import SimpleITK as sitk

    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(sitk.GetImageFromArray(answer), sitk.GetImageFromArray(truth))
    return {c: {"dice": overlap.GetDiceCoefficient(c), "iou": overlap.GetJaccardCoefficient(c)} for c in classes}


def ssim(image, truth, span):
    """scikit-image 0.26, as Wang et al.: Gaussian windows, population covariance; float64."""
    from skimage.metrics import structural_similarity

    return structural_similarity(
        image, truth, data_range=span, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )


def psnr(image, truth, span):
    """scikit-image 0.26."""
    from skimage.metrics import peak_signal_noise_ratio

    return peak_signal_noise_ratio(truth, image, data_range=span)


def ms_ssim(image, truth, span):
    """MONAI 1.6, in double precision of torch."""
    import torch
    from monai.metrics.regression import MultiScaleSSIMMetric

    one, other = (torch.from_numpy(array[None, None]).double() for array in (image, truth))
    return float(MultiScaleSSIMMetric(spatial_dims=image.ndim, data_range=span)(one, other))


def frechet(made, real):
    """MONAI 1.6."""
    import torch
    from monai.metrics.fid import get_fid_score

    return float(get_fid_score(torch.from_numpy(made), torch.from_numpy(real)))


def jacobian(field):
    """SimpleITK 2.5: determinants of the inner voxels; its components run from the last axis to the first."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.ascontiguousarray(np.moveaxis(field[::-1], 0, -1)), isVector=True)
    found = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(image))
    return found[(slice(1, -1),) * found.ndim]
