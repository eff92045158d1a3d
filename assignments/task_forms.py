"""The form of each task: which function predicts, which arrays it must not see, and how its prediction is declared.

What a task computes with them is in `graders.tasks`, which reads these facts from here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TaskForm:
    """What an assignment needs to know of its task."""

    entry: str
    """The function that predicts for hidden cases."""
    truth: str
    """Name of the array that `entry` must not see."""
    extra_truths: tuple[str, ...] = ()
    """Names of further arrays that `entry` must not see, where the data have them."""
    prediction: str
    """Name of the array in the answer of `entry` that is scored."""
    declaration: str
    """The declaration of `prediction`. `{of}` are the sizes of a case's truth or image, `{dims}` is how many axes in
    space it has, and `{classes}` how many classes there are."""
    of_two_classes: str = ""
    """The declaration where there are two classes, if it is another one."""
    predicts: str
    """What the prediction is, for a docstring: "The probability of foreground for every voxel"."""
    predicts_of_two_classes: str = ""

    def declared(self, of: str, dims: int, classes: int) -> str:
        """The declaration of the prediction."""
        text = self.of_two_classes if self.of_two_classes and classes <= 2 else self.declaration
        return text.format(of=of, dims=dims, classes=classes).replace(' "]', '"]')

    def says(self, classes: int) -> str:
        """What the prediction is, where there are so many classes."""
        return self.predicts_of_two_classes if self.predicts_of_two_classes and classes <= 2 else self.predicts


TASK_FORMS = {
    "segmentation": TaskForm(
        entry="predict",
        truth="label",
        prediction="prob",
        declaration='Annotated[Float[np.ndarray, "n {of}"], Range(0, 1)]',
        predicts="The probability of foreground for every voxel",
    ),
    "label_maps": TaskForm(
        entry="predict",
        truth="label",
        prediction="label",
        declaration='UInt8[np.ndarray, "n {of}"]',
        predicts="The class of every voxel",
    ),
    "instances": TaskForm(
        entry="predict",
        truth="instances",
        prediction="instances",
        declaration='Int32[np.ndarray, "n {of}"]',
        predicts="The number of the object that each voxel belongs to, and 0 for the background",
    ),
    "classification": TaskForm(
        entry="predict",
        truth="y",
        prediction="prob",
        declaration='Annotated[Float[np.ndarray, "n {classes}"], Range(0, 1)]',
        of_two_classes='Annotated[Float[np.ndarray, "n"], Range(0, 1)]',
        predicts="The probability of every class for each case",
        predicts_of_two_classes="The probability of class 1 for each case",
    ),
    "multilabel": TaskForm(
        entry="predict",
        truth="y",
        prediction="prob",
        declaration='Annotated[Float[np.ndarray, "n {classes}"], Range(0, 1)]',
        predicts="The probability of every label",
    ),
    "regression": TaskForm(
        entry="predict",
        truth="y",
        prediction="value",
        declaration='Float[np.ndarray, "n"]',
        predicts="The value of each case",
    ),
    "synthesis": TaskForm(
        entry="predict",
        truth="target",
        extra_truths=("mask",),
        prediction="image",
        declaration='Float[np.ndarray, "n {of}"]',
        predicts="The image that is to be made",
    ),
    "registration": TaskForm(
        entry="predict",
        truth="labels",
        extra_truths=("landmarks",),
        prediction="field",
        declaration='Float[np.ndarray, "n {dims} {of}"]',
        predicts="The displacement of every voxel, along each axis",
    ),
}
"""By the name of the task."""
