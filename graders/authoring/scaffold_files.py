"""The files that a new assignment starts with: small, complete, and proven by `medmark rehearse` as they are.

Everything follows from the task and the arrays of a case. The texts lie in `scaffold/`; what an author has to write is
in italics in brief.md, and explained in a comment elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from assignments.data.source import Axes
from assignments.errors import UserError
from graders.tasks import task_named

TEXTS = Path(__file__).parent / "scaffold"
TEST_POINTS: Final = 20


@dataclass(frozen=True)
class Sample:
    """The function that the first hidden test asks for, and the mistake that it catches."""

    name: str
    title: str
    maths: str
    declared: str
    """For interface.py; `{axes}` are the names of an image's axes."""
    test: str
    mistake: str
    mistake_title: str
    advice: str
    try_it: str
    find: str
    replace: str


STATISTICS = Sample(
    name="statistics",
    title="the scale of each column.",
    maths="Column j becomes (x_j - mean_j) / scale_j.",
    declared='''
def statistics(
    x: Float32[np.ndarray, "n d"],
) -> tuple[Float[np.ndarray, "d"], Float[np.ndarray, "d"]]:
    """Mean and standard deviation of each column; 1 in place of the SD of a column that never varies."""
''',
    test="test_statistics.py::test_statistics_of_each_column",
    mistake="one_mean_for_all",
    mistake_title="All columns share one mean",
    advice="Each column has a unit of its own. Take the mean down the rows (axis 0), one for each column.",
    try_it="`statistics(x)[0]` has as many numbers as `x` has columns, and each is the mean of one of them.",
    find="mean, scale = x.mean(axis=0, dtype=np.float64), ",
    replace="mean, scale = np.full(x.shape[1], x.mean(dtype=np.float64)), ",
)
NORMALISE = Sample(
    name="normalise",
    title="intensities without the scanner's unit.",
    maths="An intensity v becomes (v - mean) / SD, both over the whole image.",
    declared='''
def normalise(image: Float32[np.ndarray, "{axes}"]) -> Float[np.ndarray, "{axes}"]:
    """An image without the scanner's unit: mean 0 and standard deviation 1; 0 everywhere if it never varies."""
''',
    test="test_normalise.py::test_normalise_takes_the_unit_away",
    mistake="divides_by_the_variance",
    mistake_title="The image is divided by its variance",
    advice="The variance has the unit squared. Divide by its root, and the result has no unit at all.",
    try_it="`normalise(image)` and `normalise(2 * image)` have to be equal, and their standard deviation 1.",
    find="(centred.std() or 1.0)",
    replace="(centred.var() or 1.0)",
)

_IDEAS = {
    "rows": ("a small multilayer perceptron", "Scale every column; weigh, add and bend, and add again."),
    "images": ("a small convolutional network", "Look at ever larger parts of the image, and average what was seen."),
    "voxels": ("a small U-Net", "Decide about each {voxel} from what lies around it, near and far."),
    "registration": (
        "a small U-Net that finds displacements",
        "Predict where each {voxel} of the fixed image lies in the moving one; learn from how well they then agree.",
    ),
}
_OUTPUTS = {
    "classification": "classes",
    "multilabel": "labels",
    "regression": "one number for each case",
    "segmentation": "one logit for each {voxel}",
    "label_maps": "classes, the background among them",
    "synthesis": "channels of the target",
}


@dataclass(frozen=True)
class Scaffold:
    """What the files of a new assignment follow from."""

    id: str
    task: str
    arrays: Mapping[str, Axes]
    """Of a case. Sizes without a number differ from case to case, so that `fit` gets lists."""
    classes: Sequence[str]
    """Names of the classes, the background of a map of labels among them."""
    data: str
    """The lines of `[data]`, ending with a line break."""
    metric: str
    anchors: str
    anchors_words: str

    @property
    def title(self) -> str:
        return self.id.replace("_", " ").capitalize()

    @property
    def key(self) -> str:
        """The array that the reference looks at: an image if there is one."""
        inputs = [name for name, axes in self.arrays.items() if axes.role == "input" and name != "spacing"]
        if self.task == "registration":
            return "fixed"
        if not inputs:
            raise UserError('its cases have no input: declare an array with role = "input"')
        return max(inputs, key=lambda name: (len(self.arrays[name].sizes), name == "image"))


def scaffold_texts(plan: Scaffold) -> dict[str, str]:
    """The texts of the files, by their path in the assignment's folder."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # Nothing is escaped: the texts are Python, TOML and Markdown, and no page shows them.
    environment = Environment(
        loader=FileSystemLoader(TEXTS),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    words = _words(plan)
    sample: Sample = words["sample"]
    return {
        name: environment.get_template(f"{text}.txt").render(words)
        for name, text in {
            "assignment.toml": "assignment.toml",
            "brief.md": "brief.md",
            f"hidden_tests/test_{sample.name}.py": "test_hidden.py",
            "public_tests/test_public.py": "test_public.py",
            "misconceptions.toml": "misconceptions.toml",
            "reference/solution_pytorch.py": f"{words['kind']}.py",
        }.items()
    }


def sample_declared(plan: Scaffold) -> str:
    """What interface.py declares of the function that the first hidden test asks for."""
    words = _words(plan)
    return str(words["sample"].declared.replace("{axes}", words["axes"]))


def _words(plan: Scaffold) -> dict[str, Any]:
    """All that the texts are filled in with."""
    task, key, main = plan.task, plan.key, plan.arrays[plan.key]
    truth = task_named(task).truth
    space = spatial(main)
    channels = len(main.sizes) - len(space)
    is_rows = len(main.sizes) == 1
    is_answer = task in ("classification", "multilabel", "regression")
    kind = "rows" if is_rows else "images" if is_answer else "registration" if task == "registration" else "voxels"
    if (is_rows and not is_answer) or len(space) not in ((1,) if is_rows else (2, 3)):
        raise UserError(f"there is no small reference for {key}, {main}; write its files by hand")
    voxel = "pixel" if len(space) == 2 else "voxel"
    names = ("d", "h", "w")[-len(space) :]
    leading = ["c"] if channels else []
    trained = ["fixed", "moving"] if kind == "registration" else [key, truth]
    listed = any(not size.isdecimal() for axes in plan.arrays.values() for size in axes.sizes)
    whole = {"classification": "np.int64", "label_maps": "np.int64"}.get(task, "np.float32")
    casts = {name: "" if plan.arrays[name].dtype == "float32" else ".astype(np.float32)" for name in trained}
    if kind != "registration" and plan.arrays[truth].dtype != whole.removeprefix("np."):
        casts[truth] = f".astype({whole})"
    outputs = _outputs(plan, truth)
    idea, text = _IDEAS[kind]
    shape = ", ".join(["n", *leading, *names])
    return {
        "id": plan.id,
        "title": plan.title,
        "task": task,
        "kind": kind,
        "key": key,
        "data": plan.data,
        "metric": plan.metric,
        "anchors": plan.anchors,
        "anchors_words": plan.anchors_words,
        "cap": f'{{ when = "{plan.metric} < 0.5", at = 0.7 }}',
        "test_points": TEST_POINTS,
        "sample": STATISTICS if is_rows else NORMALISE,
        "idea": {"title": idea, "text": text.format(voxel=voxel)},
        "prediction": task_named(task).prediction,
        "axes": " ".join([*leading, *names]),
        "small_space": ", ".join(map(str, [*([2] if channels else []), 3, 4, 6][-len(leading) - len(names) :])),
        "space": ", ".join(names),
        "image_words": f"({shape})",
        "dims": len(space),
        "channels": int(main.sizes[0]) if channels and main.sizes[0].isdecimal() else channels,
        "columns": main.sizes[0] if is_rows else "",
        "listed": listed,
        "steps": 400 if is_rows else 200 if is_answer else 250,
        "batch": 1 if listed else 32 if is_rows else 8 if len(space) == 2 else 2,
        "batch_names": trained,
        "batch_words": ", ".join(trained[:-1]) + f" and {trained[-1]}",
        "casts": casts,
        "outputs": outputs,
        "outputs_words": _OUTPUTS.get(task, "").format(voxel=voxel),
        "model_words": "numbers (n,)" if task == "regression" else "logits (n, OUTPUTS)",
        "voxel": voxel,
        "voxels": f"{voxel}s",
        "drawn": [(name, _drawn(plan, name, listed=listed)) for name in plan.arrays],
        "input_names": json.dumps([name for name, axes in plan.arrays.items() if axes.role == "input"]),
        **_net(task, plan.arrays[truth], shape, names, channels=channels, key=key),
        "prepared": "\n    ".join(_prepared(plan, kind, key, truth, listed=listed)),
    }


def spatial(axes: Axes) -> tuple[str, ...]:
    """The axes of an image that lie in space: without channels."""
    names = [size for size in axes.sizes if not size.isdecimal()]
    if names:
        return tuple(names)
    return axes.sizes[1:] if len(axes.sizes) == 4 or (len(axes.sizes) == 3 and int(axes.sizes[0]) <= 4) else axes.sizes


def _outputs(plan: Scaffold, truth: str) -> int:
    """How many numbers the network gives for a case, or for each voxel."""
    axes = plan.arrays[truth]
    if plan.task == "multilabel":
        return int(axes.sizes[0])
    if plan.task in ("classification", "label_maps"):
        return max(2, len(plan.classes))
    if plan.task == "synthesis" and len(axes.sizes) > len(spatial(axes)):
        return int(axes.sizes[0])
    return 1


def _net(task: str, truth: Axes, shape: str, names: Sequence[str], *, channels: int, key: str) -> dict[str, str]:
    """What the U-Net takes and gives, in words and code."""
    space = ", ".join(names)
    channel = "" if channels else "[:, None]"
    if task == "registration":
        return {
            "net_words": f"Two images ({shape}) in their original units -> displacements (n, OUTPUTS, {space}).",
            "forward_names": "fixed, moving",
            "net_input": "        x = torch.cat([normalised(fixed), normalised(moving)], dim=1)",
            "net_output": "self.last(full)",
        }
    logits = "self.last(full)"
    alone = f"{logits}[:, 0]"
    network = logits if len(truth.sizes) > len(names) else alone
    return {
        "net_words": {
            "segmentation": f"Images ({shape}) in their original units -> logits (n, {space}).",
            "label_maps": f"Images ({shape}) in their original units -> logits (n, OUTPUTS, {space}).",
        }.get(task, f"Images ({shape}) in their original units -> images in the unit of the training targets."),
        "forward_names": key,
        "net_input": f"        images = np.stack([normalise(each) for each in {key}.numpy()])\n"
        f"        x = torch.from_numpy(images){channel}  # (n, CHANNELS, {space})",
        "net_output": {"segmentation": alone, "label_maps": logits}.get(
            task, f"self.target[0] + self.target[1] * {network}"
        ),
    }


def _prepared(plan: Scaffold, kind: str, key: str, truth: str, *, listed: bool) -> list[str]:
    """What `fit` sets in the model before training: statistics of the training cases."""
    lines = []
    if kind == "rows":
        lines += [
            f'mean, scale = statistics(np.stack(list(train["{key}"])))',
            "model.mean.copy_(torch.from_numpy(mean))",
            "model.scale.copy_(torch.from_numpy(scale))",
        ]
    if plan.task in ("regression", "synthesis"):
        each = f'train["{truth}"]'
        values = f"np.concatenate([each.ravel() for each in {each}])" if listed else each
        lines += [f"target = {values}", "model.target.copy_(torch.tensor([target.mean(), target.std() or 1.0]))"]
    return lines


def _drawn(plan: Scaffold, name: str, *, listed: bool) -> str:
    """A line of Python that draws four cases of an array from `rng`; sizes that differ between cases are small."""
    axes = plan.arrays[name]
    sizes = [size if size.isdecimal() else {"p": "5", "d": "8"}.get(size, "16") for size in axes.sizes]
    shape = f"(4, {', '.join(sizes)})" if sizes else "4"
    if name == "spacing":
        drawn = f"np.ones({shape}, np.{axes.dtype})"
    elif name == "mask" or not axes.dtype.startswith(("int", "uint")):
        drawn = f"rng.uniform(1, 5, {shape}).astype(np.{axes.dtype})"
    elif not sizes:
        drawn = f"np.arange(4, dtype=np.{axes.dtype}) % {max(2, len(plan.classes))}"
    else:
        classes = 2 if plan.task in ("segmentation", "multilabel") else max(2, len(plan.classes))
        drawn = f"rng.integers(0, {classes}, {shape}).astype(np.{axes.dtype})"
    free = any(not size.isdecimal() for size in axes.sizes)
    return f"list({drawn})" if listed and free else drawn
