"""Each framework works in its image as students use it: with several threads, within the limit on processes."""

import pytest

from assignments.assignment import Limits
from graders.sandboxes import SANDBOXES
from graders.sandboxes.sandbox import Lodging
from graders.session import Session

pytestmark = pytest.mark.docker

SOLUTIONS = {
    "pytorch": """
import torch
def product(threads):
    torch.set_num_threads(threads)
    ones = torch.ones(500, 500)
    assert torch.get_num_threads() == threads
    return float((ones @ ones).sum())
""",
    "tensorflow": """
import tensorflow as tf
def product(threads):
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    ones = tf.ones((500, 500))
    return float(tf.reduce_sum(ones @ ones))
""",
    "numpy": """
import numpy as np
from concurrent.futures import ThreadPoolExecutor
def product(threads):
    ones = np.ones((500, 500))
    with ThreadPoolExecutor(threads) as pool:
        return float(max(pool.map(lambda _: (ones @ ones).sum(), range(threads))))
""",
}


@pytest.mark.parametrize("framework", SOLUTIONS)
def test_a_worker_may_use_four_threads(images, tmp_path, framework):
    images(framework)
    tmp_path.chmod(0o755)
    (tmp_path / "solution.py").write_text(SOLUTIONS[framework])
    limits = Limits(memory_mb=2048, processes=16)
    with SANDBOXES["docker"]().open(Lodging(tmp_path, framework, limits)) as channel:
        session = Session(channel, limits)
        assert session.begin()["threads"] == 1
        request = {"do": "call", "name": "product", "on": None, "args": [4], "kwargs": {"d": {}}}
        for _ in range(2):
            worker = session.worker(60)
            assert session.call(worker, {**request, "tensors": False, "arrays": []}, [])[0] == 500.0**3
            session.end(worker)
        assert channel.cpu_s() > 0
