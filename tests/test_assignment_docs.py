"""The walk-through of docs/assignment.md: each command is typed, and each file written, as a newcomer would."""

import os
import re

import pytest

from tests.commands import ROOT, typed


def walk_through():
    """The commands of the section in turn, and the files that it has between them: (path, text)."""
    text = (ROOT / "docs" / "assignment.md").read_text(encoding="utf-8")
    section = text.split("## A small assignment in ten minutes\n", 1)[1].split("\n## ", 1)[0]
    file = r"`(?P<path>[\w/]+\.py)`:\n\n```python\n(?P<code>.*?)^```$"
    step = re.compile(rf"^    medmark (?P<words>[^\n]+)$|{file}", re.M | re.S)
    for match in step.finditer(section):
        yield (None, match["words"].split()) if match["words"] else (match["path"], match["code"])


@pytest.mark.slow
def test_a_small_assignment_takes_the_commands_of_its_walk_through(tmp_path):
    pytest.importorskip("torch")
    surroundings = {**os.environ, "MEDMARK_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    outputs = {}
    for path, content in walk_through():
        if path is not None:
            (tmp_path / path).write_text(content)
            continue
        done = typed(content, tmp_path, surroundings)
        assert done.code == 0, f"medmark {' '.join(content)}\n{done.out}{done.err}"
        outputs[" ".join(content)] = done
    new, rehearsed, calibrated, handout = outputs.values()
    assert "my_cells/reference/solution_pytorch.py" in new.out.splitlines()
    assert "  medmark rehearse my_cells                # prove it as it is" in new.err.splitlines()
    assert rehearsed.out.rstrip().endswith("The assignment is proven.")
    assert calibrated.out.rstrip().endswith("The assignment is proven.")
    scores = re.search(r"calibration of accuracy by baseline_radius: (.*)", calibrated.out)[1]
    # A cut on the mean radius of the drawn cases has a balanced accuracy of .86 (`breast_cancer` says so).
    assert sum(map(float, scores.split(", "))) / 5 == pytest.approx(0.86, abs=0.03)
    assert "anchors that it suggests: { trivial = 0.500, pass = 0.8" in calibrated.out
    assert "gap" not in calibrated.out
    assert not [line for line in handout.out.splitlines() if "baseline" in line or "hidden" in line]
