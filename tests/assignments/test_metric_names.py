"""The parts of a metric's name that an assignment chooses: the number and the class."""

import pytest

from assignments.metric_names import MetricName, metric_name


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("dice", MetricName("dice", "dice", None, None)),
        ("nsd@2mm", MetricName("nsd@2mm", "nsd@#mm", 2.0, None)),
        ("nsd@2.5mm@class3", MetricName("nsd@2.5mm", "nsd@#mm", 2.5, 3)),
        ("dice@class1", MetricName("dice", "dice", None, 1)),
        ("ece@mass@15", MetricName("ece@mass@15", "ece@mass@#", 15.0, None)),
        ("ece@classwise", MetricName("ece@classwise", "ece@classwise", None, None)),
        ("ece@classwise@15", MetricName("ece@classwise@15", "ece@classwise@#", 15.0, None)),
        # An assignment may choose one class and one plain number: anything else is part of the form.
        ("dice@class1@class2", MetricName("dice@class1", "dice@class1", None, 2)),
        ("nsd@-2mm", MetricName("nsd@-2mm", "nsd@-2mm", None, None)),
        ("nsd@1e3mm", MetricName("nsd@1e3mm", "nsd@1e3mm", None, None)),
    ],
)
def test_a_name_has_a_form_a_number_and_a_class(name, parts):
    assert metric_name(name) == parts
