"""How MedPy, MONAI and DeepMind's surface-distance are called. They are imported on a call, never by `make test`.

Each function takes label maps, spacing and classes, and returns the metrics by class, under the toolkit's names. Where
one of the maps lacks the class the peers raise, or give nan, inf or 0: test_edge_cases.py says what is right.
"""

from __future__ import annotations

import numpy as np


def medpy(prediction, truth, spacing, classes):
    """MedPy 0.5: float64, surface voxels, directions pooled; no NSD."""
    from medpy.metric import binary

    by_class = {}
    for c in classes:
        predicted, true = prediction == c, truth == c
        by_class[c] = {
            "dice": binary.dc(predicted, true),
            "iou": binary.jc(predicted, true),
            "hd": binary.hd(predicted, true, spacing),
            "hd95@medpy": binary.hd95(predicted, true, spacing),
            "assd": binary.assd(predicted, true, spacing),
        }
    return by_class


def monai(prediction, truth, spacing, classes, tolerance):
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
    predicted, true = (
        torch.from_numpy(np.stack([mask == c for c in labels])[None].astype(np.float32)) for mask in (prediction, truth)
    )
    spaced = {"spacing": list(spacing), "include_background": False}
    values = {
        "dice": compute_dice(predicted, true, include_background=False),
        "iou": compute_iou(predicted, true, include_background=False),
        "hd": compute_hausdorff_distance(predicted, true, **spaced),
        "hd95": compute_hausdorff_distance(predicted, true, percentile=95, **spaced),
        "assd": compute_average_surface_distance(predicted, true, symmetric=True, **spaced),
        "nsd@voxel": compute_surface_dice(predicted, true, class_thresholds=[tolerance] * len(classes), **spaced),
    }
    return {c: {name: float(value[0, i]) for name, value in values.items()} for i, c in enumerate(classes)}


def deepmind(prediction, truth, spacing, classes, tolerance):
    """surface-distance 0.1: float64, surfels by area."""
    import surface_distance.metrics as peer

    by_class = {}
    for c in classes:
        predicted, true = prediction == c, truth == c
        distances = peer.compute_surface_distances(true, predicted, spacing)
        from_truth, from_answer = peer.compute_average_surface_distance(distances)
        by_class[c] = {
            "dice": peer.compute_dice_coefficient(true, predicted),
            "hd@surfel": peer.compute_robust_hausdorff(distances, 100),
            "hd95@deepmind": peer.compute_robust_hausdorff(distances, 95),
            "mean_from_truth@surfel": from_truth,
            "mean_from_answer@surfel": from_answer,
            "nsd": peer.compute_surface_dice_at_tolerance(distances, tolerance),
        }
    return by_class


def simpleitk(prediction, truth, spacing, classes):
    """SimpleITK 2.5: overlap by class."""
    import SimpleITK as sitk

    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(sitk.GetImageFromArray(prediction), sitk.GetImageFromArray(truth))
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

    predicted, true = (torch.from_numpy(array[None, None]).double() for array in (image, truth))
    return float(MultiScaleSSIMMetric(spatial_dims=image.ndim, data_range=span)(predicted, true))


def frechet(generated, real):
    """MONAI 1.6."""
    import torch
    from monai.metrics.fid import get_fid_score

    return float(get_fid_score(torch.from_numpy(generated), torch.from_numpy(real)))


def thin_ssim(image, truth, span):
    """MONAI 1.6 in double precision of torch, whose window may differ by axis."""
    import torch
    from monai.metrics.regression import SSIMMetric

    predicted, true = (torch.from_numpy(array[None, None]).double() for array in (image, truth))
    window = [min(11, size - 1 + size % 2) for size in image.shape]
    sigma = [1.5] * image.ndim
    peer = SSIMMetric(spatial_dims=image.ndim, data_range=span, win_size=window, kernel_sigma=sigma)
    return float(peer(predicted, true))


def counted(prediction, truth):
    """Sensitivity, specificity and precision of MedPy 0.5, F-beta of scikit-learn 1.9."""
    from medpy.metric import binary
    from sklearn.metrics import fbeta_score

    return {
        "sensitivity": binary.sensitivity(prediction, truth),
        "specificity": binary.specificity(prediction, truth),
        "precision": binary.precision(prediction, truth),
        "f_beta@2": fbeta_score(truth.ravel(), prediction.ravel(), beta=2),
        "f_beta@0.5": fbeta_score(truth.ravel(), prediction.ravel(), beta=0.5),
    }


def directed(prediction, truth, spacing):
    """MONAI 1.6 in float32. A directed distance runs from its first mask to its second."""
    import torch
    from monai.metrics import compute_hausdorff_distance

    predicted, true = (torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (prediction, truth))

    def percentile(start, goal, at, one_way):
        distance = compute_hausdorff_distance(
            start, goal, include_background=True, percentile=at, directed=one_way, spacing=list(spacing)
        )
        return float(distance[0, 0])

    return {
        "hd@90": percentile(predicted, true, 90, False),
        "hd@to_truth@95": percentile(predicted, true, 95, True),
        "hd@to_answer@95": percentile(true, predicted, 95, True),
        "hd@to_answer@50": percentile(true, predicted, 50, True),
    }


def millilitres(prediction, truth, spacing):
    """SimpleITK 2.5: the difference of the labels' physical sizes, of volumes."""
    import SimpleITK as sitk

    sizes = []
    for mask in (prediction, truth):
        image = sitk.GetImageFromArray(mask.astype(np.uint8))
        image.SetSpacing([float(mm) for mm in spacing[::-1]])
        shapes = sitk.LabelShapeStatisticsImageFilter()
        shapes.Execute(image)
        sizes.append(shapes.GetPhysicalSize(1))
    return abs(sizes[0] - sizes[1]) / 1000


def rims(prediction, truth, width):
    """Boundary IoU of the authors, of 2-D masks; from bowenc0221/boundary-iou-api, with the width in pixels given."""
    import cv2

    def mask_to_boundary(mask):
        h, w = mask.shape
        new_mask = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        kernel = np.ones((3, 3), dtype=np.uint8)
        new_mask_erode = cv2.erode(new_mask, kernel, iterations=width)
        return mask - new_mask_erode[1 : h + 1, 1 : w + 1]

    true, predicted = mask_to_boundary(truth.astype(np.uint8)), mask_to_boundary(prediction.astype(np.uint8))
    return ((true * predicted) > 0).sum() / ((true + predicted) > 0).sum()


def centerlines(prediction, truth):
    """clDice of panoptica 2.1."""
    from panoptica.metrics.cldice import _compute_centerline_dice

    return float(_compute_centerline_dice(truth, prediction))


def panoptic(prediction, truth):
    """panoptica 2.1, of volumes: of slices it joins components by a face alone. F1 is of the Hungarian matching."""
    import panoptica as peer

    def evaluated(matcher, threshold):
        evaluator = peer.Panoptica_Evaluator(
            expected_input=peer.InputType.SEMANTIC,
            instance_approximator=peer.ConnectedComponentsInstanceApproximator(),
            instance_matcher=matcher(matching_threshold=threshold, strict_threshold=True),
            instance_metrics=[peer.Metric.IOU],
            global_metrics=[],
        )
        return evaluator.evaluate(prediction.astype(np.uint8), truth.astype(np.uint8), verbose=False)["ungrouped"]

    above = evaluated(peer.NaiveThresholdMatching, 0.5)
    quality = {"panoptic_quality": above.pq, "sq": above.sq, "rq": above.rq}
    return quality | {"lesion_f1@0.1": evaluated(peer.MaxBipartiteMatching, 0.1).rq}


def jacobian(field):
    """SimpleITK 2.5: determinants of the inner voxels; its components run from the last axis to the first."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.ascontiguousarray(np.moveaxis(field[::-1], 0, -1)), isVector=True)
    determinants = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(image))
    return determinants[(slice(1, -1),) * determinants.ndim]
