"""Whatever a metric raises is a failure of the toolkit with the metric's name: no traceback, and no score."""

from pathlib import Path

import numpy as np
import pytest

from assignments.data.cases import Case
from graders.failures import MetricFailure
from graders.metrics import metric_named
from graders.scoring.computed import computed, worst_value

WITHOUT_SPACING = Case("a", "a", spacing_mm=None, group=None)
MASKS = np.ones((1, 4, 5, 6), np.uint8)


@pytest.mark.parametrize("name", ["hd95", "assd", "volume_difference@ml"])
def test_a_distance_without_a_spacing_is_a_failure_of_the_metric_for_a_value_and_for_the_worst_one(name):
    metric = metric_named(name, Path())
    with pytest.raises(MetricFailure, match=rf"{name} raised ValueError: case a: .* spacing"):
        computed(metric, MASKS, MASKS, [WITHOUT_SPACING])
    with pytest.raises(MetricFailure, match=rf"the worst {name} raised ValueError: case a: .* spacing"):
        worst_value(metric, MASKS[0], WITHOUT_SPACING)
