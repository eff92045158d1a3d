"""Edits that put a common mistake into a reference."""

import pytest

from assignments.contracts.contract import DoesNotApply, EditedReference
from assignments.contracts.edits import training_mode, without_buffers

REFERENCE = '''"""A network. GroupNorm replaces BatchNorm, so that nothing is read with register_buffer."""


class Net(nn.Module):
    """No BatchNorm here either."""

    def forward(self, x):
        return x  # where others have a BatchNorm1d


def predict(model, inputs):
    """BatchNorm would be switched here."""
    model.eval()
    return model(inputs)


def load(folder):
    model = Net()
    model.load_state_dict(torch.load(folder))
    return model
'''


def edited(text):
    return EditedReference(text, "pytorch", "predict", ("x",), "prob", exclusive=False)


def test_what_only_comments_and_docstrings_speak_of_cannot_be_made_wrong():
    with pytest.raises(DoesNotApply, match="normalises no batches"):
        training_mode(edited(REFERENCE))
    with pytest.raises(DoesNotApply, match="no state beside its weights"):
        without_buffers(edited(REFERENCE))


def test_what_the_code_does_can_be_made_wrong():
    text = REFERENCE.replace("return x  #", "return nn.BatchNorm1d(3)(x)  #")
    assert "model.train()" in training_mode(edited(text))
    assert "v.copy_(w)" in without_buffers(edited(text))


def test_statistics_of_the_batch_are_made_wrong_without_turning_dropout_on():
    text = REFERENCE.replace("return x  #", "return nn.Dropout2d(p=0.3)(nn.BatchNorm1d(3)(x))  #")
    assert "nn.Dropout2d(0.0)(nn.BatchNorm1d(3)(x))" in training_mode(edited(text))
