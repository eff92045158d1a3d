"""Summaries of cases made by hand, for the table and the page: hostile names, a volume whose corners are known."""

import json
from dataclasses import replace

from assignments.data.split import Split, SplitRow
from graders.authoring.data_summary import data_summary
from graders.authoring.shown_data import shown_data
from tests.assignments.data.finite_source import assignment_of

NAMED = """
import json
import numpy as np
from assignments.data.source import Axes, Subject
ARRAYS = {"image": Axes("float32", "h w"), "label": Axes("uint8", "h w", role="truth")}
def open(path): return json.loads((path / "names.json").read_text())
def subjects(opened): return [Subject(id, strata={"site": id}) for id in opened]
def load(opened, subject):
    rng = np.random.default_rng(opened.index(subject))
    image = rng.normal(size=(20, 24)).astype(np.float32)
    label = np.zeros((20, 24), np.uint8)
    label[5:15, 6:18] = 1
    return [{"image": image, "label": label}]
"""


def named_summary(folder, *names, **settings):
    """The summary of subjects with these names: the first for training, the others hidden."""
    (folder / "patients").mkdir(parents=True, exist_ok=True)
    (folder / "patients" / "names.json").write_text(json.dumps(names))
    home = assignment_of(folder, source=NAMED, stratify=("site",), **settings)
    data = shown_data(home)  # a file of a split would not hold every name
    part_of = {name: "test" if i else "train" for i, name in enumerate(names)}
    cases = tuple(replace(case, part=part_of[case.subject]) for case in data.cases)
    split = Split(tuple(SplitRow(name, part) for name, part in part_of.items()))
    return data_summary(replace(data, cases=cases, split=split))


VOLUME = """
import numpy as np
from assignments.data.source import Axes, Subject
ARRAYS = {
    "image": Axes("float32", "d h w"), "label": Axes("uint8", "d h w", role="truth"), "spacing": Axes("float32", "3"),
}
def open(path): return None
def subjects(opened): return [Subject("A"), Subject("B")]
def load(opened, subject):
    image, label = np.zeros((6, 10, 12), np.float32), np.zeros((6, 10, 12), np.uint8)
    image += np.arange(6)[:, None, None] / 100
    image[:, 0, 0] = 1          # the corner where all indices are 0
    image[:, -1, 0] = 0.5
    label[1, 2:4, 2:4] = 1
    label[3, 2:8, 2:9] = 1      # the most of the label
    return [{"image": image, "label": label, "spacing": np.float32(SPACING)}]
"""


def volume_summary(folder, spacing=(3.0, 0.5, 0.5)):
    """Two subjects with one volume (6, 10, 12) each, before a split."""
    folder.mkdir(exist_ok=True)
    return data_summary(shown_data(assignment_of(folder, source=VOLUME.replace("SPACING", repr(spacing)))))
