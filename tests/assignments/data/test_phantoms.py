"""Phantoms: the arrays that a source declares, with a ground truth that follows from the inputs."""

from __future__ import annotations

import numpy as np
import pytest

from assignments.data.phantoms import phantoms, with_sizes
from assignments.data.source import Axes
from graders.tasks import TASKS


def drawn(arrays, n=12, task="segmentation", classes=2, seed=1):
    return phantoms(arrays, n, np.random.default_rng(seed), task=task, classes=classes)


VOLUME = {
    "image": Axes("float32", "d h w"),
    "label": Axes("uint8", "d h w", role="truth"),
    "spacing": Axes("float32", "3"),
}


def test_they_have_the_arrays_that_are_declared():
    cases = drawn(VOLUME, n=3)
    assert {key: (array.dtype.str, array.shape) for key, array in cases.items()} == {
        "image": ("<f4", (3, 16, 32, 32)),
        "label": ("|u1", (3, 16, 32, 32)),
        "spacing": ("<f4", (3, 3)),
        "subject": ("<i8", (3,)),
    }
    assert (cases["spacing"] == 1).all()


def test_a_mask_is_bright_and_every_case_has_one():
    cases = drawn(VOLUME)
    for image, label in zip(cases["image"], cases["label"], strict=True):
        assert set(np.unique(label)) == {0, 1}
        assert image[label == 1].mean() > image[label == 0].mean() + 0.4
        assert (image[label == 1] > image[label == 0].mean() + 3 * image[label == 0].std()).mean() > 0.5


def test_the_same_generator_gives_the_same_phantoms():
    first, second, third = drawn(VOLUME), drawn(VOLUME), drawn(VOLUME, seed=2)
    assert (first["image"] == second["image"]).all()
    assert (first["image"] != third["image"]).any()


def test_fixed_sizes_are_kept_and_an_interface_settles_named_ones():
    arrays = {"image": Axes("float32", "3 h w"), "label": Axes("uint8", "h w", role="truth")}
    sized = with_sizes(arrays, {"label": ("rows", "48")})
    assert {key: axes.axes for key, axes in sized.items()} == {"image": "3 32 48", "label": "32 48"}
    cases = drawn(sized, n=2)
    assert cases["image"].shape == (2, 3, 32, 48)


def test_classes_are_equally_many_and_as_bright_as_their_number():
    arrays = {"image": Axes("float32", "h w"), "y": Axes("uint8", "", role="truth")}
    cases = drawn(arrays, task="classification", classes=3)
    assert np.bincount(cases["y"]).tolist() == [4, 4, 4]
    brightest = np.array([np.quantile(image, 0.995) for image in cases["image"]])
    assert [brightest[cases["y"] == k].mean() for k in range(3)] == sorted(
        brightest[cases["y"] == k].mean() for k in range(3)
    )


def test_rows_of_numbers_tell_their_class():
    arrays = {"features": Axes("float32", "k"), "y": Axes("int64", "", role="truth")}
    cases = drawn(arrays, n=40, task="classification")
    assert cases["features"].shape == (40, 8)
    last = cases["features"][:, -1]
    assert last[cases["y"] == 1].min() > last[cases["y"] == 0].max()


def test_a_number_to_predict_follows_from_the_size_of_the_bright_part():
    arrays = {"image": Axes("float32", "h w"), "y": Axes("float32", "", role="truth")}
    cases = drawn(arrays, n=30, task="regression")
    areas = (cases["image"] > 0.6).mean(axis=(1, 2))
    assert np.corrcoef(areas, cases["y"])[0, 1] > 0.8


def test_a_map_of_labels_has_every_class_and_instances_their_numbers():
    arrays = {"image": Axes("float32", "h w"), "label": Axes("uint8", "h w", role="truth")}
    cases = drawn(arrays, task="label_maps", classes=4)
    assert set(np.unique(cases["label"])) == {0, 1, 2, 3}
    arrays = {"image": Axes("float32", "h w"), "instances": Axes("int32", "h w", role="truth")}
    cases = drawn(arrays, task="instances")
    assert all(len(np.unique(each)) == 5 for each in cases["instances"]), "background and four quarters"


def test_a_pair_for_registration_is_one_image_moved():
    arrays = {
        "fixed": Axes("float32", "d h w"),
        "moving": Axes("float32", "d h w"),
        "labels": Axes("uint8", "2 d h w", role="truth"),
        "landmarks": Axes("float32", "2 p 3", role="truth"),
    }
    cases = drawn(arrays, n=4, task="registration")
    assert cases["labels"].shape == (4, 2, 16, 32, 32)
    assert cases["landmarks"].shape[1:] == (2, 32, 3), cases["landmarks"].shape
    for fixed, moving, labels, marks in zip(*(cases[key] for key in arrays), strict=True):
        shift = marks[1, 0] - marks[0, 0]
        assert np.allclose(marks[1] - marks[0], shift, atol=1e-5)
        whole = tuple(int(x) for x in np.rint(shift))
        assert (np.roll(fixed, whole, axis=(0, 1, 2)) == moving).all()
        assert (np.roll(labels[0], whole, axis=(0, 1, 2)) == labels[1]).all()


def test_an_image_to_synthesise_follows_from_its_input():
    arrays = {"image": Axes("float32", "h w"), "target": Axes("float32", "h w", role="truth")}
    cases = drawn(arrays, task="synthesis")
    assert np.allclose(cases["target"], 1 - cases["image"], atol=1e-6)


def test_labels_that_do_not_exclude_each_other_vary():
    arrays = {"image": Axes("float32", "h w"), "y": Axes("uint8", "5", role="truth")}
    cases = drawn(arrays, task="multilabel")
    assert cases["y"].shape == (12, 5)
    assert (cases["y"].min(axis=0) == 0).all()
    assert (cases["y"].max(axis=0) == 1).all()


@pytest.mark.parametrize(
    ("task", "arrays"),
    [
        ("segmentation", {"image": "float32 d h w", "label": "uint8 d h w"}),
        ("label_maps", {"image": "float32 2 d h w", "label": "uint8 d h w"}),
        ("instances", {"image": "float32 3 h w", "instances": "int32 h w"}),
        ("classification", {"image": "float32 3 h w", "y": "uint8"}),
        ("multilabel", {"image": "float32 h w", "y": "uint8 4"}),
        ("regression", {"image": "float32 d h w", "features": "float32 2", "y": "float32"}),
        ("synthesis", {"image": "float32 d h w", "target": "float32 d h w", "mask": "uint8 d h w"}),
        ("registration", {"fixed": "float32 h w", "moving": "float32 h w", "labels": "uint8 2 h w"}),
    ],
)
def test_the_truths_are_such_as_their_task_takes(task, arrays):
    kind = TASKS[task]
    declared = {}
    for key, text in arrays.items():
        dtype, _, axes = text.partition(" ")
        truth = key in (kind.truth, *kind.extra_truths)
        declared[key] = Axes(dtype, axes, role="truth" if truth else "input")
    cases = drawn(declared, task=task, classes=3 if task == "label_maps" else 2)
    from assignments.data.hidden import records

    truths = {key: cases[key] for key in (kind.truth, *kind.extra_truths) if key in cases}
    kind.check_truths(records(truths) if kind.extra_truths else truths[kind.truth])
    assert all(axes.fits(cases[key][0]) for key, axes in with_sizes(declared, {}).items())
