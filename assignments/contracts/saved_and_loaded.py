"""`save` writes all that `load` needs, in another process, in the folder that it is told."""

from assignments.contracts.answers import apart, furthest, predicting_moves, varied_cases
from assignments.contracts.contract import ENTRY, CommonMistake, Contract
from assignments.contracts.edits import around, both, without_buffers, without_loading
from assignments.testing import close, needs, points_to


def test_saved_and_loaded(trained, student, calls, small_cases, rng):
    """A model that was saved and loaded again, by another program that has only the files, gives the same answers."""
    cases, answer, learnt = varied_cases(trained.calls, trained.model, small_cases, 8, rng)
    needs(learnt, "`fit` has to learn first: all cases get nearly the same answer")
    moves = predicting_moves(trained.calls, trained.model, cases)
    repeats = apart(answer, trained.answer(cases)) < 1e-4 and not moves
    outputs, weights = trained.calls.outputs(trained.model, cases), trained.calls.weights(trained.model)
    trained.student.save(trained.model, "saved")
    files = trained.student.fetch_files("saved")
    trained.end()  # whatever it left elsewhere is gone, so that only the files reach the next worker

    points_to("stays_in_memory", not files)
    assert files
    student.put_files("saved", files)
    loaded = student.load("saved")
    same = calls(student).weights(loaded)
    if weights is not None and same is not None and [a.shape for a in weights] == [a.shape for a in same]:
        equal = all(close(a, b, atol=1e-6) for a, b in zip(weights, same, strict=True))
        points_to("state_not_saved", equal and repeats)
        points_to("weights_not_loaded", not equal)
    assert close(furthest(outputs, calls(student).outputs(loaded, cases)), 0.0, atol=1e-3)


CONTRACT = Contract(
    about=("save", "load"),
    calls=("fit", ENTRY, "save", "load"),
    mistakes=(
        CommonMistake(
            id="weights_not_loaded",
            title="`load` builds a new model and does not read the weights into it",
            advice="The model that `load` returns has random weights. Read the file, and hand its numbers to the model "
            "(load_state_dict in PyTorch, load_weights in Keras).",
            try_it="Compare what a model predicts before `save` and after `load`.",
            edit=without_loading,
        ),
        CommonMistake(
            id="state_not_saved",
            title="State beside the weights, such as a scaling, is lost between `save` and `load`",
            advice="A model is more than its weights: the mean and the scale of the inputs, or running averages, "
            "belong to it. In PyTorch register_buffer makes them a part of state_dict, in Keras "
            "add_weight(trainable=False) does.",
            try_it="Compare what a model predicts before `save` and after `load`, in a new program.",
            edit=without_buffers,
        ),
        CommonMistake(
            id="stays_in_memory",
            title="`load` returns a model that stayed in memory, not the one in the folder",
            advice="Weights in a variable of the module are gone when the program ends. Everything that `load` needs "
            "has to be in the folder that `save` receives.",
            try_it="Save in one program, and load in another.",
            edit=both(
                around("save", "def save(model, folder):", "globals().setdefault('_models', []).append(model)"),
                around("load", "def load(folder):", "return _models[-1]"),
            ),
        ),
    ),
)
