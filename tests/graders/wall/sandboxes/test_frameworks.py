"""Each framework works in its image as students use it: with several threads, within the limit on processes."""

import pytest

from assignments.assignment import Limits
from graders.failures import MemoryLimit
from graders.wall.sandboxes import SANDBOXES
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from tests.graders.wall.sandboxes.talk import ask

pytestmark = [pytest.mark.docker, pytest.mark.slow]

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
    with SANDBOXES["docker"]().open(SandboxSpec(tmp_path, framework, limits)) as channel:
        session = Session(channel, limits)
        assert session.begin()["threads"] == 1
        request = {"do": "call", "name": "product", "on": None, "args": [4], "kwargs": {"d": {}}}
        for _ in range(2):
            worker = session.worker(60)
            assert session.call(worker, {**request, "tensors": False, "arrays": []}, [])[0] == 500.0**3
            session.end(worker)


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
    with SANDBOXES["docker"]().open(SandboxSpec(tmp_path, framework, limits)) as channel:
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


COMPILES = {
    "pytorch": """
import torch
def compiled():
    layer = torch.nn.Linear(2, 1)
    torch.nn.init.ones_(layer.weight); torch.nn.init.zeros_(layer.bias)
    fast = torch.compile(layer, mode="max-autotune")
    step = torch.compile(lambda x: (x * 2).sum())
    return float(fast(torch.ones(1, 2)).detach()) + float(step(torch.ones(3)))
""",
    "tensorflow": """
import tensorflow as tf
def compiled():
    fast = tf.function(lambda x: tf.reduce_sum(x * 2), jit_compile=True)
    net = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1, kernel_initializer="ones")])
    net.compile("sgd", "mse", jit_compile=True)
    net.fit(tf.ones((4, 2)), tf.fill((4, 1), 2.0), verbose=0)
    return float(net.predict(tf.ones((1, 2)), verbose=0)[0, 0]) + float(fast(tf.ones(3)))
""",
}


@pytest.mark.parametrize("sandbox", ["docker", "local"])
@pytest.mark.parametrize("framework", COMPILES)
def test_what_students_compile_runs_where_there_is_no_compiler(images, tmp_path, monkeypatch, framework, sandbox):
    images(framework)
    monkeypatch.setenv("CXX", "/no/compiler")
    tmp_path.chmod(0o755)
    (tmp_path / "solution.py").write_text(COMPILES[framework])
    limits = Limits(memory_mb=4096, processes=64)
    with SANDBOXES[sandbox]().open(SandboxSpec(tmp_path, framework, limits)) as channel:
        session = Session(channel, limits)
        session.begin()
        assert ask(session, session.worker(60), "compiled") == 8.0


CACHES = """
import os, pathlib
def kept():
    found = {}
    for name, value in os.environ.items():
        if name == "HOME" or name.endswith(("_HOME", "_CACHE_DIR", "CONFIGDIR", "_EXTENSIONS_DIR")):
            folder = pathlib.Path(value) / "deep"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("")
            found[name] = os.path.commonpath([value, os.getcwd()]) == os.getcwd()
    return found
"""


@pytest.mark.parametrize("sandbox", ["docker", "local"])
def test_what_libraries_keep_for_later_goes_to_the_workers_own_folder(images, tmp_path, sandbox):
    images("numpy")
    tmp_path.chmod(0o755)
    (tmp_path / "solution.py").write_text(CACHES)
    limits = Limits()
    with SANDBOXES[sandbox]().open(SandboxSpec(tmp_path, "numpy", limits)) as channel:
        session = Session(channel, limits)
        session.begin()
        entries = ask(session, session.worker(60), "kept")
    assert set(entries.values()) == {True}
    assert {"HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR", "TORCH_HOME", "KERAS_HOME", "NUMBA_CACHE_DIR"} <= set(entries)


EATS = {
    "pytorch": """
import torch
class Rows(torch.utils.data.Dataset):
    def __len__(self): return 4
    def __getitem__(self, k): return len(bytearray(4 << 30))
def eats(): return list(torch.utils.data.DataLoader(Rows(), num_workers=1))
""",
    "numpy": """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
def row(k): return len(bytearray(4 << 30))
def eats():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        return list(pool.map(row, range(2)))
""",
}


@pytest.mark.parametrize("framework", EATS)
def test_a_child_that_takes_too_much_memory_is_a_memory_limit(images, tmp_path, framework):
    images(framework)
    tmp_path.chmod(0o755)
    (tmp_path / "solution.py").write_text(EATS[framework])
    limits = Limits(memory_mb=1024, processes=16)
    with SANDBOXES["docker"]().open(SandboxSpec(tmp_path, framework, limits)) as channel:
        session = Session(channel, limits, tmp_path)
        session.begin()
        with pytest.raises(MemoryLimit):
            ask(session, session.worker(60), "eats")
