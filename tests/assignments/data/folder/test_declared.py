"""The arrays that the columns of a table declare, for every task."""

from pathlib import Path

import pytest

from assignments.data.folder.cases import CaseRow, CaseTable
from assignments.data.folder.declared import ImageKind, arrays_of
from assignments.data.source import Axes
from assignments.errors import UserError

VOLUME = ImageKind("d h w", spacing=True)
SLICE = ImageKind("h w", spacing=False)
COLOURS = ImageKind("3 h w", spacing=False)


def declared(task, kind, *columns, size=None, **known):
    row = CaseRow("a", "P01", {c: f"{c}.x" for c in columns if not c.startswith(("class", "feature"))})
    return arrays_of(CaseTable(Path(), "cases.csv", (row,), columns, **known), task, lambda text: kind, size=size)


def truth(dtype, axes):
    return Axes(dtype, axes, role="truth")


IMAGE = Axes("float32", "d h w")
SPACING = Axes("float32", "3")


@pytest.mark.parametrize(
    ("task", "kind", "columns", "expected"),
    [
        (
            "segmentation",
            VOLUME,
            ["image", "label"],
            {"image": IMAGE, "label": truth("uint8", "d h w"), "spacing": SPACING},
        ),
        ("segmentation", SLICE, ["image", "label"], {"image": Axes("float32", "h w"), "label": truth("uint8", "h w")}),
        ("instances", SLICE, ["image", "label"], {"image": Axes("float32", "h w"), "instances": truth("int32", "h w")}),
        (
            "label_maps",
            VOLUME,
            ["image:T1", "image:T2", "label"],
            {"image": Axes("float32", "2 d h w"), "label": truth("uint8", "d h w"), "spacing": SPACING},
        ),
        (
            "label_maps",
            VOLUME,
            ["image:T2", "label"],
            {"image": IMAGE, "label": truth("uint8", "d h w"), "spacing": SPACING},
        ),
        ("classification", COLOURS, ["image", "class"], {"image": Axes("float32", "3 h w"), "y": truth("uint8", "")}),
        (
            "multilabel",
            SLICE,
            ["image", "class:a", "class:b", "feature:age"],
            {"image": Axes("float32", "h w"), "features": Axes("float32", "1"), "y": truth("uint8", "2")},
        ),
        (
            "synthesis",
            SLICE,
            ["image", "target_image"],
            {"image": Axes("float32", "h w"), "target": truth("float32", "h w")},
        ),
        (
            "registration",
            VOLUME,
            ["fixed", "moving", "label:fixed", "label:moving", "landmarks"],
            {
                "fixed": IMAGE,
                "moving": IMAGE,
                "labels": truth("uint8", "2 d h w"),
                "landmarks": truth("float32", "2 p 3"),
                "spacing": SPACING,
            },
        ),
        (
            "registration",
            VOLUME,
            ["fixed", "moving", "landmarks"],
            {
                "fixed": IMAGE,
                "moving": IMAGE,
                "labels": truth("uint8", "2 d h w"),
                "landmarks": truth("float32", "2 p 3"),
                "spacing": SPACING,
            },
        ),
    ],
)
def test_columns_declare_arrays(task, kind, columns, expected):
    assert declared(task, kind, *columns) == expected


def test_numbers_alone_need_no_image():
    row = CaseRow("P01", "P01", {}, {"feature:a": "1", "feature:b": "2", "target": "3"})
    table = CaseTable(Path(), "cases.csv", (row,), ("feature:a", "feature:b", "target"))
    expected = {"features": Axes("float32", "2"), "y": truth("float32", "")}
    assert arrays_of(table, "regression", lambda text: pytest.fail("no image to look at")) == expected


def test_a_size_of_the_settings_stands_in_the_axes():
    arrays = declared("segmentation", VOLUME, "image", "label", size=(32, 128, 128))
    assert arrays["image"] == Axes("float32", "32 128 128")
    assert arrays["label"] == truth("uint8", "32 128 128")
    with pytest.raises(UserError, match="2 axes"):
        declared("segmentation", VOLUME, "image", "label", size=(128, 128))


def test_more_classes_than_a_byte_holds_need_a_wider_dtype():
    classes = tuple(map(str, range(257)))
    assert declared("label_maps", SLICE, "image", "label", classes=classes)["label"].dtype == "int32"
    assert declared("classification", SLICE, "image", "class", classes=classes)["y"].dtype == "int64"
    assert declared("classification", SLICE, "image", "class", classes=classes[:256])["y"].dtype == "uint8"


def test_an_assumed_spacing_is_an_array_although_files_have_none():
    kind = ImageKind("d h w", spacing=False)
    assert declared("segmentation", kind, "image", "label", spacing_mm=(2.2, 0.6, 0.6))["spacing"] == SPACING


@pytest.mark.parametrize(
    ("task", "columns", "says"),
    [
        ("segmentation", ["image", "class"], "needs label, but cases.csv has image, class"),
        ("multilabel", ["image", "class"], "needs class:NAME"),
        ("registration", ["fixed", "moving"], "needs label:fixed and label:moving"),
    ],
)
def test_a_table_without_the_tasks_truth_is_refused(task, columns, says):
    with pytest.raises(UserError, match=says):
        declared(task, SLICE, *columns)


def test_colours_are_not_channels_of_other_images():
    with pytest.raises(UserError, match="is in colours"):
        declared("segmentation", COLOURS, "image:a", "image:b", "label")


def test_a_table_without_a_case_is_refused():
    with pytest.raises(UserError, match="has no case"):
        arrays_of(CaseTable(Path(), "cases.csv", (), ("image", "label")), "segmentation", lambda text: VOLUME)
