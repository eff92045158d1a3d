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
