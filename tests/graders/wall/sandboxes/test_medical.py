"""The packages of medical imaging in the default images: they work, cost nothing unused, and bring no answers."""

import pytest

from assignments.assignment import Limits
from graders.failures import Raised
from graders.wall.sandboxes import SANDBOXES, runtime_records
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from tests.graders.wall.sandboxes.talk import ask

pytestmark = pytest.mark.slow

FRAMEWORKS = tuple(runtime_records.IMPORTS)
USES = """
import warnings
warnings.simplefilter("error")
from pathlib import Path
import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pandas
import SimpleITK
from einops import rearrange
from PIL import Image
from skimage.measure import label
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

IMAGE = np.pad(np.ones((2, 2), np.uint8), 1)

def regions():
    return int(label(np.concatenate([IMAGE, IMAGE])).max())

def classified():
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    return LogisticRegression().fit(x, [0, 0, 1, 1]).predict(x).tolist()

def total():
    return sum(tqdm(pandas.DataFrame({"dice": [1, 2, 3]})["dice"].tolist()))

def drawn():
    plt.plot([1, 2])
    plt.show()
    plt.savefig("curve.png")
    return [plt.get_backend().lower(), Image.open("curve.png").format]

def stored():
    nibabel.save(nibabel.Nifti1Image(rearrange(IMAGE, "h w -> w h 1"), np.eye(4)), "mask.nii.gz")
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(IMAGE), "mask.mha")
    read = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage("mask.mha"))
    return [list(nibabel.load("mask.nii.gz").shape), int(read.sum())]
"""
MONAI = """
import torch
from monai.losses import DiceLoss
from monai.networks.nets import UNet

def loss():
    net = UNet(spatial_dims=2, in_channels=1, out_channels=1, channels=(2, 4), strides=(2,))
    assert net(torch.zeros(1, 1, 8, 8)).shape == (1, 1, 8, 8)
    return float(DiceLoss()(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4)))
"""
DATA = """
import sklearn.datasets
def iris(): return list(sklearn.datasets.load_iris().data.shape)
def digits(): return list(sklearn.datasets.load_digits().data.shape)
def cancer(): return sklearn.datasets.load_breast_cancer()
"""
LOADED = """
import sys
MEDICAL = {"monai", "nibabel", "SimpleITK", "skimage", "joblib", "dateutil", "cycler"}
def loaded(): return sorted(MEDICAL & set(sys.modules))
"""
"""Of packages that Keras would import, it names one that they need: their own names would make it import them."""
FRAME = """
import pandas as pd
import tensorflow as tf
def fitted():
    net = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1, kernel_initializer="ones")])
    net.compile("sgd", "mse")
    net.fit(pd.DataFrame({"x": [1.0, 2.0]}), pd.Series([1.0, 2.0]), verbose=0)
    return float(net.predict(pd.DataFrame({"x": [3.0]}), verbose=0)[0, 0])
"""


@pytest.fixture
def asked(images, tmp_path):
    """What functions of a solution answer in a sandbox: `asked("numpy", SOURCE, "f", "g")`."""

    def answers(framework, source, *names, sandbox="docker"):
        if sandbox == "docker":
            images(framework)
            if runtime_records.runtime(framework).kind != "medical":
                pytest.skip(f"the {framework} image here is slim")
        tmp_path.chmod(0o755)
        (tmp_path / "solution.py").write_text(source)
        limits = Limits(memory_mb=2048, processes=64)
        with SANDBOXES[sandbox]().open(SandboxSpec(tmp_path, framework, limits)) as channel:
            session = Session(channel, limits)
            session.begin()
            worker = session.worker(60)
            return [ask(session, worker, name) for name in names]

    return answers


@pytest.mark.docker
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_solution_uses_every_medical_package_without_a_warning(asked, framework):
    regions, classified, total, drawn, stored = asked(
        framework, USES, "regions", "classified", "total", "drawn", "stored"
    )
    assert (regions, classified, total) == (2, [0, 0, 1, 1], 6)
    assert drawn == ["agg", "PNG"]
    assert stored == [[4, 4, 1], 4]


@pytest.mark.docker
def test_a_solution_uses_monai(asked):
    assert asked("pytorch", MONAI, "loss") == [pytest.approx(0.0, abs=1e-4)]


@pytest.mark.docker
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_breast_cancer_table_is_not_inside_and_other_tables_are(asked, framework):
    assert asked(framework, DATA, "iris", "digits") == [[150, 4], [1797, 64]]
    with pytest.raises(Raised, match="FileNotFoundError"):
        asked(framework, DATA, "cancer")


@pytest.mark.docker
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_solution_that_names_no_medical_package_finds_none_imported(asked, framework):
    assert asked(framework, LOADED, "loaded") == [[]]


@pytest.mark.parametrize("sandbox", [pytest.param("docker", marks=pytest.mark.docker), "local"])
def test_keras_takes_the_data_frames_of_a_solution_that_uses_pandas(asked, sandbox):
    assert asked("tensorflow", FRAME, "fitted", sandbox=sandbox) == [3.0]
