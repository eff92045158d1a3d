"""Class P: bytes on the wire, written by a worker, another process of its container, or the keeper.

The files of `solutions/` hand in to a course marked in containers. What would need a broken keeper or a marker's own
mistake is tried on this side of the wire, with a peer that follows a script.
"""

import ast
import copy
import io
import json
import pickle
import re
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from assignments.assignment import Limits
from assignments.interface import read_interface
from graders.failures import EngineFailure, ProtocolViolation, ReplyTooLarge, SubmissionFailure
from graders.wall import session as sessions
from graders.wall.sandboxes.sandbox import Ending
from graders.wall.session import Session, Worker
from graders.wall.student import Student, WorkerClient
from graders.wall.wire import arrays_of, decode, split
from tests import scripted
from tests.attacks.course import FULL, RIGHT, WRONG, attacked, solution
from tests.attacks.naive import believing, naive
from tests.attacks.walls import behind_the_wall
from tests.graders.wall.test_fuzz import resident_mb
from tests.scripted import ScriptedChannel, frame, keeper_reply, replied

ROOT = Path(__file__).parents[2]
SOLUTIONS = Path(__file__).parent / "solutions"
FILES = {file.stem[:3].lower(): file for file in sorted(SOLUTIONS.glob("P*.py"))}
MARKER = Path("/tmp/medmark-marker-of-P05")


def text_of(id):
    return f"{WRONG}\n\n{FILES[id].read_text(encoding='utf-8')}"


@pytest.fixture(scope="module")
def course(images, tmp_path_factory):
    """All of class P in one course, and an honest group behind them."""
    images("numpy")
    groups = {id: solution(text_of(id)) for id in FILES} | {"right": solution(RIGHT)}
    return attacked(tmp_path_factory.mktemp("the-wire") / "course", groups)


def fails(course, id, attack, *reasons):
    """It earned nothing, for these reasons and no other, and the group behind it got what it earned."""
    matches = set(course.reasons(id))
    attack.came_to(f"{course.points(id):g} points; {'; '.join(sorted(matches))}"[:200])
    assert course.marks[id]["status"] == "marked"
    assert course.points(id) == 0
    assert course.points("right", "tests") == FULL
    assert matches <= set(reasons)


WRONG_ANSWER = "the answer is not the expected one"
UNREADABLE = "the answer could not be read"
RAISED = "the call raised an exception"
ENDED = "the process ended before it answered"
"""As every worker that sends what cannot be read is ended, until there are no more."""


@behind_the_wall
@pytest.mark.attack("P01", "prints verdicts, results in JSON, escape codes and markup")
def test_what_a_solution_prints_is_no_answer(attack, course):
    attack.fired(believing(text_of("p01"), "fast_sum", 5) == 1.0, "a protocol on stdout takes its first line for one")
    fails(course, "p01", attack, WRONG_ANSWER)
    terminal = "".join(output.out + output.err for output in course.outputs.values())
    assert not re.search("[\x1b\x9b\x07\x08]", terminal)
    assert b"::medmark::result::" not in course.in_the_open()
    findings = course.marks["p01"]["findings"]
    assert any("4 passed" in (finding["evidence"] or "") for finding in findings), "staff may read it"


@behind_the_wall
@pytest.mark.attack("P02", "writes to every descriptor it finds, and into other processes")
def test_a_worker_has_no_way_to_the_wire_but_its_own_answer(attack, course):
    reached = re.search(r"LOOT ways into 1 other processes: ([1-9])", naive(solution(text_of("p02"))).output)
    attack.fired(reached is not None, "without a wall there are ways into the grader's process")
    fails(course, "p02", attack, WRONG_ANSWER, UNREADABLE, "the time limit was reached while waiting")
    evidence = "".join(finding["evidence"] or "" for finding in course.marks["p02"]["findings"])
    matches = re.findall(r"LOOT (.*)", evidence)
    assert matches
    assert all(re.match(r"ways into [1-9]\d* other processes: 0 ", row) for row in matches), matches


@behind_the_wall
@pytest.mark.attack("P03", "answers with 10 MB of text, a byte a second, and arrays without end")
def test_answers_without_end_end_at_a_limit(attack, course):
    attack.fired(len(believing(text_of("p03"), "dice", 1, 2)) == 10 << 20, "without caps 10 MB are read")
    too_much = ("the answer is too large", "the time limit was reached while waiting", UNREADABLE)
    fails(course, "p03", attack, *too_much)


def effect(call, *args):
    """What a reader without caps makes of it: the name of an exception, or the value."""
    try:
        return call(*args)
    except (RecursionError, ValueError, MemoryError) as error:
        return type(error)


@behind_the_wall
@pytest.mark.attack("P04", "answers with JSON nested 100,000 deep, 10,000 digits, a key twice, NaN, half a character")
def test_odd_json_is_an_answer_that_cannot_be_read(attack, course):
    deep, digits = effect(json.loads, "[" * 100_000), effect(json.loads, "9" * 10_000)
    twice = effect(json.loads, '{"value": 0, "value": NaN}')
    attack.fired(
        deep is RecursionError and digits is ValueError and twice["value"] != 0,
        "json.loads raises RecursionError and ValueError, takes the second key, and NaN",
    )
    fails(course, "p04", attack, UNREADABLE, ENDED)


@behind_the_wall
@pytest.mark.attack("P05", "answers with pickles and objects that act when they are printed or converted")
def test_nothing_of_an_object_is_run_on_the_host(attack, course):
    assert not MARKER.exists()
    names = {"np": np}
    exec(FILES["p05"].read_text(encoding="utf-8"), names)
    pickle.loads(names["data"]).close()
    attack.fired(MARKER.exists(), "pickle.loads of it writes the marker's file")
    MARKER.unlink()
    fails(course, "p05", attack, "the answer has the wrong type", WRONG_ANSWER)
    assert not MARKER.exists()


@pytest.mark.attack("P05", "an import on the host that would read a student's bytes as code")
def test_no_module_of_the_host_can_unpickle(attack):
    dangerous = {"pickle", "dill", "joblib", "shelve", "marshal", "h5py", "torch", "tensorflow", "cloudpickle"}
    attack.fired(imported("from torch import load\nimport h5py.x") == {"torch", "h5py"}, "two such imports are found")
    files = [ROOT / "cli.py", *(ROOT / "graders").rglob("*.py"), *(ROOT / "reports").rglob("*.py")]
    host = [file for file in files if not {"inside", "groups", "demo"} & set(file.parts)]
    matches = {str(file): imported(file.read_text(encoding="utf-8")) & dangerous for file in host}
    attack.came_to(f"{len(host)} modules, none imports any of {len(dangerous)}")
    assert {file: names for file, names in matches.items() if names} == {}


def imported(source):
    nodes = list(ast.walk(ast.parse(source)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}


@behind_the_wall
@pytest.mark.attack("P06", "raises errors named like ours, whose text, name, file and cause carry inputs and escapes")
def test_an_exception_becomes_a_failure_with_the_toolkits_words(attack, course):
    output = naive(solution(text_of("p06"))).output
    attack.fired("carried out" in output and "carried_out_1000" in output, "without a wall it carries the inputs out")
    fails(course, "p06", attack, RAISED)
    shown = course.in_the_open()
    assert b"carried" not in shown
    assert not re.search(rb"[\x1b\x07]", course.in_words())
    assert b"full marks" not in shown


# On this side of the wire

INTERFACE = """
from assignments.interface import Model
def build() -> Model: ...
def width(model: Model) -> int: ...
"""


class Net:
    """A model that does something whenever it is looked at."""

    looked = 0

    def act(self, *_):
        type(self).looked += 1
        return 1

    __len__ = __int__ = __index__ = act

    def __float__(self):
        return float(self.act())

    def __bool__(self):
        return bool(self.act())

    def __iter__(self):
        self.act()
        return iter([1])

    def __array__(self, *_, **__):
        self.act()
        return np.ones(1)

    def __eq__(self, other):
        return bool(self.act())

    __hash__ = None


@pytest.fixture
def client(tmp_path):
    """A client of a scripted student, and its script."""
    (tmp_path / "interface.py").write_text(INTERFACE)
    script = scripted.Student({"build": Net, "width": lambda model: 3})
    with ScriptedChannel(script) as channel:
        session = Session(channel, Limits(reply_mb=1))
        session.begin()
        yield WorkerClient(session, read_interface(tmp_path / "interface.py"), 1.0), script


IMPLICIT = {
    "np.asarray": np.asarray, "np.array": np.array, "np.sum": np.sum, "==": lambda h: h == 1, "!=": lambda h: h != 1,
    "<": lambda h: h < 1, "bool": bool, "float": float, "int": int, "len": len, "iter": lambda h: next(iter(h)),
    "in": lambda h: 1 in h, "hash": hash, "copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": pickle.dumps,
    "index": lambda h: [0, 1][h], "complex": complex, "reversed": reversed, "with": lambda h: h.__enter__(),
    "await": lambda h: h.__await__(), "dunder": lambda h: h.__globals__, "private": lambda h: h._secret(),
    "array interface": lambda h: h.__array_interface__, "dlpack": lambda h: h.__dlpack__(), "json": json.dumps,
}  # fmt: skip


@pytest.mark.attack("P07", "has a test look at a handle in a way that asks the sandbox for something else")
def test_no_implicit_operation_on_a_handle_asks_anything(attack, client):
    client, script = client
    for look in (np.asarray, len, bool, float, lambda thing: thing == 1, lambda thing: list(thing)):
        look(Net())
    attack.fired(Net.looked >= 6, f"on the object itself they run its code {Net.looked} times")
    handle = Student(client).build()
    count = len(script.verbs)
    answered = []
    for name, look in IMPLICIT.items():
        try:
            look(handle)
            answered.append(name)
        except (TypeError, AttributeError):
            continue
    shown = [repr(handle), str(handle), f"{handle}"]
    attack.came_to(f"{len(answered)} of {len(IMPLICIT)} answered, {len(script.verbs) - count} questions asked")
    assert answered == []
    assert len(script.verbs) == count
    assert all(text.startswith("<handle of ") for text in shown)


@pytest.mark.attack("P07", "gives a callable to the host, and asks it to call or read something")
def test_no_callable_and_no_request_comes_out_of_the_sandbox(attack, client):
    client, script = client
    attack.fired(eval("cb.__globals__", {"cb": text_of}) is globals(), "a real callable gives its globals away")
    request = {"do": "call", "name": "open", "args": ["/etc/hostname"]}
    seen = []
    for words in (request, {"kind": "call", **request}, {"kind": "value", "value": {"call": request}, "arrays": []}):
        script.calls = lambda head, words=words: replied({"id": head["id"], **words})
        script.workers.clear()
        fresh = WorkerClient(client.session, client.interface, 1.0)
        with pytest.raises(ProtocolViolation) as refused:
            Student(fresh).build()
        seen.append(str(refused.value))
    attack.came_to("; ".join(seen))


@pytest.mark.attack("P08", "forges handles, and hands over handles of a worker that has ended")
def test_a_handle_is_a_number_of_one_living_worker(attack, client):
    client, script = client
    attack.fired({7: "object"}.get(7) == "object", "a table of objects hands out whatever number is asked for")
    student = Student(client)
    forged = []
    for node in ({"h": 0, "is": ""}, {"h": -1, "is": ""}, {"h": True, "is": ""}, {"h": 2**70, "is": ""}, {"h": 1}):
        fresh = WorkerClient(client.session, client.interface, 1.0)
        script.calls = lambda head, node=node: replied({"id": head["id"], "kind": "value", "value": node, "arrays": []})
        with pytest.raises(ProtocolViolation):
            Student(fresh).build()
        forged.append(node)
    node = {"h": 999, "is": ""}
    script.calls = lambda head: replied({"id": head["id"], "kind": "value", "value": node, "arrays": []})
    orphan = student.build()
    script.calls = lambda head: None
    with pytest.raises(SubmissionFailure):
        student.width(orphan)
    other = WorkerClient(client.session, client.interface, 1.0)
    with pytest.raises(TypeError, match="another worker"):
        Student(other).width(orphan)
    client.close()
    with pytest.raises(TypeError, match="was ended"):
        student.width(orphan)
    attack.came_to(f"{len(forged)} forged numbers refused; no other worker's, and no ended worker's, is taken")


def built(table, body, value="null"):
    text = f'{{"value": {value}, "arrays": {table}}}'.encode()
    return struct.pack("<II", len(text), len(body)) + text + body


def decoded(raw):
    head, body = split(memoryview(raw))
    return decode(head["value"], arrays_of(head["arrays"], body))


CLAIMS = {
    "terabytes": built('[["<f8", [1250000000000]]]', bytes(8)),
    "overflow": built('[["<f8", [4294967296, 4294967296, 4294967296]]]', bytes(8)),
    "more than comes": built('[["<f8", [1]], ["<f8", [1]]]', bytes(8)),
    "the same bytes twice": built('[["<f8", [1]]]', bytes(8), '[{"a": 0}, {"a": 0}]'),
    "a negative size": built('[["<f8", [-1]]]', bytes(8)),
    "nothing, very wide": built('[["<f8", [0, 1099511627777]]]', b""),
    "a kind that is code": built('[["|O", [1]]]', bytes(8)),
    "a record": built('[["<f4,<i4", [1]]]', bytes(8)),
    "a table of a million": built("[" + ",".join(['["<f8",[0]]'] * 90_000) + "]", b""),
    "a truth value of 255": built('[["|b1", [1]]]', b"\xff"),
    "a head of 4 GB": struct.pack("<II", 2**32 - 1, 0),
    "lengths that overlap": struct.pack("<II", 2, 2**32 - 10) + b"{}",
}


@pytest.mark.attack("P09", "claims terabytes, negative and overlapping arrays, kinds that are code")
def test_a_claim_is_checked_before_anything_is_allocated(attack):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000000,), }"
    header += b" " * (118 - len(header)) + b"\n"
    lying = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    without = effect(np.load, io.BytesIO(lying))
    attack.fired(issubclass(without, MemoryError), "np.load of a lying header raises MemoryError")
    before, took = resident_mb(), 0.0
    for what, raw in CLAIMS.items():
        began = time.perf_counter()
        with pytest.raises((ProtocolViolation, ReplyTooLarge)):
            pytest.fail(f"{what} was taken: {decoded(raw)}")
        took = max(took, time.perf_counter() - began)
    attack.came_to(f"{len(CLAIMS)} refused, each within {took * 1000:.0f} ms; {resident_mb() - before:.0f} MB more")
    assert took < 1
    assert resident_mb() - before < 50


# A peer in the keeper's place


class SocketChannel:
    """The Channel of a keeper at the other end of a socket."""

    def __init__(self, own_end):
        self.ours = own_end
        own_end.setblocking(False)

    def fileno_in(self):
        return self.ours.fileno()

    fileno_out = fileno_in

    def write(self, data):
        try:
            return self.ours.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise BrokenPipeError from error

    def readinto(self, view):
        if not view.nbytes:
            return 0
        try:
            return self.ours.recv_into(view) or None
        except BlockingIOError:
            return 0
        except OSError:
            return None

    def ending(self):
        return Ending(None, False, "scripted")


@contextmanager
def peer(plan):
    """A channel to a thread that does as planned with its end, until we hang up."""
    other_end, own_end = socket.socketpair()

    def act():
        with suppress(OSError):
            plan(other_end)
            while other_end.recv(1 << 16):
                pass

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield SocketChannel(own_end)
    finally:
        with suppress(OSError):
            own_end.shutdown(socket.SHUT_RDWR)
        own_end.close()
        thread.join(10)
        other_end.close()


def flood(data):
    def plan(end):
        while True:
            end.sendall(data)

    return plan


def drip(end):
    for byte in frame({"id": 1, **keeper_reply("ready", info={})[0]}) * 100:
        end.sendall(bytes([byte]))
        time.sleep(0.05)


def once(data):
    return lambda end: end.sendall(data)


def never_reads(end):
    time.sleep(1.5)


READY = frame({"id": 1, **keeper_reply("ready", info={})[0]})
PEERS = {
    "an answer before the question": once(READY),
    "answers without end": flood(READY),
    "a head without end": flood(b"\x00\x00\x10\x00\x00\x00\x10\x00" + b" " * 4096),
    "a head of 4 GB": flood(b"\xff" * 4096),
    "a body of 1 GB": flood(struct.pack("<II", 2, 1 << 30) + b"{}"),
    "10 MB without a newline": flood(b"A" * 65_536),
    "a byte now and then": drip,
    "half a frame": once(READY[:-3]),
    "nothing, and it reads nothing": never_reads,
    "no JSON": once(frame(b"\xff" * 100)),
    "JSON nested without end": once(frame(b"[" * 100_000)),
    "words of the wrong kind": once(frame({"id": 1, "outcome": ["ready"], "info": 3})),
}


@pytest.mark.attack("P10", "stands in the keeper's place: early, endless, slow, lying, silent")
def test_a_hostile_keeper_costs_no_more_than_its_deadline(attack, monkeypatch):
    with peer(PEERS["10 MB without a newline"]) as channel:
        channel.ours.setblocking(True)
        line = b""
        while b"\n" not in line and len(line) < 10 << 20:
            line += channel.ours.recv(1 << 20)
    attack.fired(len(line) >= 10 << 20, f"a reader of lines without a cap had {len(line) >> 20} MB when it was stopped")
    monkeypatch.setattr(sessions, "START_S", 1.0)
    monkeypatch.setattr(sessions.secrets, "randbits", lambda bits: 2)
    before, slowest = resident_mb(), ("", 0.0)
    for what, plan in PEERS.items():
        with peer(plan) as channel:
            began = time.monotonic()
            with pytest.raises(EngineFailure):
                Session(channel, Limits(reply_mb=1)).begin()
            slowest = max(slowest, (what, time.monotonic() - began), key=lambda pair: pair[1])
    grown = resident_mb() - before
    attack.came_to(f"{len(PEERS)} peers, the slowest over in {slowest[1]:.1f} s ({slowest[0]}), {grown:.0f} MB more")
    assert slowest[1] < 2.5
    assert grown < 50


@pytest.mark.attack("P10", "answers a question twice, late, out of order, or another one's")
def test_only_the_answer_to_the_present_question_is_accepted(attack):
    attack.fired(believing("print('{\"answer\": 99}')\ndef f(x): return x", "f", 1) == 99, "a protocol without ids")
    value = {"kind": "value", "value": 42, "arrays": []}
    answers = {
        "another's": lambda id: frame({"id": id ^ 1, **value}),
        "none's": lambda id: frame(value),
        "its own as a float": lambda id: frame({"id": float(id), **value}),
        "its own twice": lambda id: frame({"id": id, **value}) * 2,
        "its own cut short": lambda id: frame({"id": id, **value})[:-1],
        "its own and a byte": lambda id: frame({"id": id, **value}) + b"\0",
        "an empty one": lambda id: b"",
    }
    for what, answer in answers.items():
        script = scripted.Student({}, calls=lambda head, answer=answer: keeper_reply("replied", answer(head["id"])))
        with ScriptedChannel(script) as channel:
            session = Session(channel, Limits(reply_mb=1))
            session.begin()
            worker = session.worker(1.0)
            with pytest.raises(ProtocolViolation):
                pytest.fail(f"{what} was taken: {session.call(worker, {'do': 'call', 'arrays': []}, [])}")
            assert isinstance(worker, Worker)
            assert worker.over is not None, "and the worker is not asked again"
    attack.came_to(f"{len(answers)} of {len(answers)} refused, each the worker's last")
