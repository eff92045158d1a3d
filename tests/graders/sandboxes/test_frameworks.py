"""Each framework works in its image as students use it: with several threads, within the limit on processes."""

import pytest

from assignments.assignment import Limits
from graders.sandboxes import SANDBOXES
from graders.sandboxes.sandbox import Lodging
from graders.session import Session
from tests.graders.sandboxes.talk import ask

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


SHARED = """
def shared(): return [row for row in open("/proc/self/maps") if row.split()[1].endswith("s")]
"""
LOADS = {
    "pytorch": """
import torch
class Squares(torch.utils.data.Dataset):
    def __len__(self): return 64
    def __getitem__(self, k): return torch.full((100, 100), float(k))
def load(workers):
    batches = torch.utils.data.DataLoader(Squares(), batch_size=8, num_workers=workers)
    return sum(float(batch[:, 0, 0].sum()) for batch in batches)
def keep():
    global kept
    kept = torch.utils.data.DataLoader(Squares(), batch_size=8, num_workers=2, persistent_workers=True)
    return again()
def again(): return sum(float(batch[:, 0, 0].sum()) for batch in kept)
""",
    "tensorflow": """
import tensorflow as tf
def load(workers):
    rows = tf.data.Dataset.range(64).map(lambda k: k, num_parallel_calls=workers).batch(8).prefetch(2)
    return float(sum(int(tf.reduce_sum(batch)) for batch in rows))
def keep():
    global kept
    kept = tf.function(lambda x: tf.reduce_sum(x))
    return again()
def again(): return float(kept(tf.range(64)))
""",
    "numpy": """
import asyncio, getpass, multiprocessing, subprocess, sys, tempfile
import numpy as np
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import shared_memory
def whole(k): return k
async def gathered(n):
    running = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(6)", stdout=-1)
    assert int((await running.communicate())[0]) == 6
    return sum(await asyncio.gather(*(asyncio.to_thread(whole, k) for k in range(n))))
def load(workers):
    assert asyncio.run(gathered(64)) == 2016
    with multiprocessing.Manager() as manager:
        found = manager.list(range(64))
        assert sum(found) == 2016
    block = shared_memory.SharedMemory(create=True, size=8)
    block.buf[0] = 7; block.close(); block.unlink()
    assert getpass.getuser() and tempfile.gettempdir()
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        return float(sum(pool.map(whole, range(64))))
def keep():
    global kept
    kept = multiprocessing.Pool(2)
    return again()
def again(): return float(sum(kept.map(whole, range(64))))
""",
}


@pytest.mark.parametrize("framework", LOADS)
def test_loaders_pools_and_loops_work_and_outlast_a_worker_beside_them(images, tmp_path, framework):
    images(framework)
    tmp_path.chmod(0o755)
    (tmp_path / "solution.py").write_text(SHARED + LOADS[framework])
    limits = Limits(memory_mb=2048, processes=64)
    total = 64 * 63 / 2
    with SANDBOXES["docker"]().open(Lodging(tmp_path, framework, limits)) as channel:
        session = Session(channel, limits)
        session.begin()
        modules = session.worker(60)
        assert ask(session, modules, "shared") == [], "else all workers would write to it: one process forks them all"
        assert ask(session, modules, "keep") == total
        fresh = session.worker(60)
        assert ask(session, fresh, "load", 2) == total
        assert ask(session, modules, "again") == total, "it stood still meanwhile, and goes on where it was"
        session.end(fresh)
        assert ask(session, modules, "load", 2) == total
        session.end(modules)
