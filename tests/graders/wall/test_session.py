"""The session with the keeper: each way of not answering is the right failure."""

import time

import pytest

from assignments.assignment import Limits
from graders.failures import (
    CpuLimit,
    EngineFailure,
    GpuMemory,
    ImageFailure,
    ImportFailed,
    InternalFailure,
    MemoryLimit,
    MissingFunction,
    NotProbed,
    ProcessEnded,
    ProtocolViolation,
    Raised,
    ReplyTooLarge,
    SubmissionFailure,
    ToolkitFailure,
    WallLimit,
    WrongType,
)
from graders.marks.words import cause_words
from graders.record.documents import Cause
from graders.wall import session as sessions
from graders.wall.patience import Patience
from graders.wall.sandboxes.sandbox import Ending
from graders.wall.session import Session
from tests.scripted import PREFIX, ScriptedChannel, Student, frame, keeper_reply, replied, taken_apart

CALL = {"do": "call", "name": "f", "on": None, "args": {"t": []}, "kwargs": {"d": {}}, "tensors": False, "arrays": []}
LIMITS = Limits(reply_mb=1)


@pytest.fixture
def answer_of():
    """Opens a session whose worker answers its first call in the given way, and calls: `asked(calls)`."""
    channels = []

    def ask(calls, solution=None, **ways):
        channel = ScriptedChannel(Student({"f": lambda: 3}, calls=calls), **ways)
        channels.append(channel)
        session = Session(channel, LIMITS, solution)
        session.begin()
        worker = session.worker(1.0)
        try:
            return session, worker, session.call(worker, CALL, [])[0]
        except (SubmissionFailure, ToolkitFailure) as failure:
            return session, worker, failure

    yield ask
    for channel in channels:
        channel.__exit__()


def words(**fields):
    """A worker's answer in words of its own."""
    return lambda head: replied({"id": head["id"], "arrays": [], **fields})


def test_an_answer_is_a_value(answer_of):
    assert answer_of(lambda head: None)[2] == 3


# The keeper's word about the worker

ENDINGS = [
    (keeper_reply("died", stopped="cpu", signal=9), CpuLimit),
    (keeper_reply("died", signal=24), CpuLimit),
    (keeper_reply("died", stopped="wall", signal=9), WallLimit),
    (keeper_reply("violated", stopped="size", signal=9), ReplyTooLarge),
    (keeper_reply("violated", signal=9), ProtocolViolation),
    (keeper_reply("died", signal=9, oom_kills=1), MemoryLimit),
    (keeper_reply("died", signal=9), ProcessEnded),
    (keeper_reply("died", signal=11), ProcessEnded),
    (keeper_reply("died", exit=0), ProcessEnded),
    (keeper_reply("gone"), ProcessEnded),
]


@pytest.mark.parametrize(("reply", "failure"), ENDINGS, ids=lambda x: getattr(x, "__name__", None))
def test_how_a_worker_ended_is_the_failure_it_was_and_stays_so(answer_of, reply, failure):
    session, worker, raised = answer_of(lambda head: reply)
    assert type(raised) is failure
    before = len(session._channel.written)
    with pytest.raises(failure):
        session.call(worker, CALL, [])
    assert len(session._channel.written) == before, "a dead worker is not asked again"
    assert session.lost is None


LOST_CHILD = "RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed."


def raises(kind, **facts):
    """The answer of a worker that raised, in a keeper's frame."""
    return lambda head: replied({"id": head["id"], "kind": "raised", "builtin": kind, "message": LOST_CHILD}, **facts)


@pytest.mark.parametrize("kind", ["RuntimeError", "EOFError", "BrokenPipeError", "ConnectionResetError"])
def test_a_child_that_the_kernel_ended_for_memory_is_a_memory_limit(answer_of, kind):
    failure = answer_of(raises(kind, oom_kills=1))[2]
    assert type(failure) is MemoryLimit
    assert LOST_CHILD in str(failure)
    assert type(answer_of(raises(kind))[2]) is Raised  # where the kernel ended no process


def test_a_mistake_beside_a_child_that_ran_out_of_memory_stays_a_mistake(answer_of):
    assert type(answer_of(raises("ZeroDivisionError", oom_kills=1))[2]) is Raised


@pytest.mark.parametrize("stopped", ["wall", "idle"])
def test_a_worker_that_waits_for_a_child_out_of_memory_reports_that(answer_of, stopped):
    failure = answer_of(lambda head: keeper_reply("died", stopped=stopped, signal=9, oom_kills=1))[2]
    assert type(failure) is WallLimit
    assert cause_words(Cause.of(failure)).endswith("while waiting (after the memory limit ended a child process)")


def opened(solution, module, *, later=False, **words):
    """What comes of a worker whose import of a module fails, at its opening or in a later call."""
    fails = {"kind": "raised", "builtin": "ModuleNotFoundError", "importing": True, "module": module, **words}
    student = Student({"f": lambda: 3}, calls=lambda head: replied({"id": head["id"], **fails}))

    def script(head, body):
        if head["verb"] == "worker" and not later:
            return replied({"id": head["id"], **fails})
        return student(head, body)

    with ScriptedChannel(script) as channel:
        session = Session(channel, LIMITS, solution)
        session.begin()
        try:
            session.call(session.worker(1.0), CALL, [])
        except ImportFailed as failure:
            return cause_words(Cause.of(failure))
    raise AssertionError("nothing failed")


def test_a_module_that_the_solution_imports_is_named_when_its_import_fails(tmp_path):
    (tmp_path / "solution.py").write_text("import os, pandas as pd\nfrom monai.losses import DiceLoss\n")
    sentence = "the solution could not be imported (ModuleNotFoundError: {})"
    assert opened(tmp_path, "pandas") == sentence.format("pandas")
    assert opened(tmp_path, "monai.losses") == sentence.format("monai")


@pytest.mark.parametrize("module", ["canary", "pandas canary", "", 7, ["pandas"]])
def test_a_name_that_is_in_no_import_of_the_solution_is_not_shown(tmp_path, module):
    (tmp_path / "solution.py").write_text("import pandas\n# canary\n")
    assert opened(tmp_path, module) == "the solution could not be imported (ModuleNotFoundError)"


def test_after_the_first_question_no_module_is_named(tmp_path):
    (tmp_path / "solution.py").write_text("import pandas\n")
    assert opened(tmp_path, "pandas", later=True) == "the solution could not be imported (ModuleNotFoundError)"


@pytest.mark.parametrize(
    ("cpu_s", "waited_s", "starved"),
    [(0.1, 3.0, True), (0.9, 3.0, False), (0.1, 0.5, False), (0.1, None, False)],
    ids=["waited for a core", "computed for most of its CPU time", "slept", "the system does not say"],
)
def test_a_wall_limit_is_the_machines_fault_where_the_worker_waited_for_a_core(answer_of, cpu_s, waited_s, starved):
    reply = keeper_reply("died", stopped="wall", wall_s=4.0, cpu_s=cpu_s, waited_s=waited_s)  # of one CPU second
    assert answer_of(lambda head: reply)[2].starved is starved


def test_an_idle_worker_has_reached_its_wall_limit(answer_of):
    _, _, failure = answer_of(lambda head: keeper_reply("died", stopped="idle", wall_s=30.0, cpu_s=0.1, waited_s=0.0))
    assert isinstance(failure, WallLimit)
    assert not failure.starved


def idle_for(seconds, **facts):
    """A reply for which a worker has kept us waiting so long, by then."""
    return lambda head: replied(
        {"id": head["id"], "kind": "value", "value": 3, "arrays": []}, wall_s=seconds, waited_s=0.0, **facts
    )


@pytest.fixture
def patient():
    """A session with the patience that a submission's has, whose worker's replies are `calls`."""
    channels = []

    def open_session(calls, limits=LIMITS, patience=None):
        channel = ScriptedChannel(Student({"f": lambda: 3}, calls=calls))
        channels.append(channel)
        session = Session(channel, limits, patience=Patience() if patience is None else patience)
        session.begin()
        return session

    yield open_session
    for channel in channels:
        channel.__exit__()


def test_after_the_second_wall_limit_there_are_no_more_questions(patient):
    limit = keeper_reply("died", stopped="wall", wall_s=4.0, cpu_s=0.1, waited_s=0.0)
    session = patient(lambda head: limit)
    for _ in range(2):
        with pytest.raises(WallLimit):
            session.call(session.worker(1.0), CALL, [])
    before = len(session._channel.written)
    with pytest.raises(WallLimit, match="no more questions after 2 time limits"):
        session.worker(1.0)
    assert len(session._channel.written) == before


def test_what_two_starved_limits_cut_off_is_starved_too(patient):
    limit = keeper_reply("died", stopped="wall", wall_s=4.0, cpu_s=0.1, waited_s=3.5)
    session = patient(lambda head: limit)
    for _ in range(2):
        with pytest.raises(WallLimit):
            session.call(session.worker(1.0), CALL, [])
    with pytest.raises(WallLimit) as caught:
        session.worker(1.0)
    assert caught.value.starved


def test_short_sleeps_add_up_over_all_calls_and_containers_of_a_submission(patient):
    patience = Patience()
    for _ in range(5):  # 25 s in one call in each of five containers: 125 s
        session = patient(idle_for(25.0, cpu_s=0.0), patience=patience)
        session.call(session.worker(100.0), CALL, [])
    with pytest.raises(WallLimit, match="125 s of waiting in all; no more questions after 120"):
        session.worker(100.0)


@pytest.mark.parametrize(("cpu_s", "waited_s", "idle_s"), [(300, 0, 200), (300, 190, 10), (900, 0, 0)])
def test_what_is_neither_computed_nor_waited_for_a_core_is_idle(patient, cpu_s, waited_s, idle_s):
    answer = {"kind": "value", "value": 3, "arrays": []}
    facts = {"wall_s": 500.0, "cpu_s": cpu_s, "waited_s": waited_s}
    session = patient(lambda head: replied({"id": head["id"], **answer}, **facts))
    session.call(session.worker(1000.0), CALL, [])
    assert session._patience.idle_s == pytest.approx(idle_s, abs=0.1)


@pytest.mark.parametrize(("gpus", "idle_s"), [(0, 30), (1, 0)])
def test_the_keeper_limits_idle_workers_but_not_those_that_wait_for_a_gpu(patient, gpus, idle_s):
    session = patient(idle_for(500.0, cpu_s=1.0), limits=Limits(reply_mb=1, gpus=gpus))
    begin, _, _ = taken_apart(bytes(session._channel.written))
    assert begin["limits"]["idle_s"] == idle_s
    session.call(session.worker(1000.0), CALL, [])
    assert (session._patience.idle_s > 0) is (gpus == 0)


def test_a_kill_for_memory_of_one_worker_is_no_kill_for_memory_of_the_next(answer_of):
    session, _, _ = answer_of(lambda head: keeper_reply("died", signal=9, oom_kills=1))
    session._channel.script.oom_kills = 1  # the count of the whole sandbox
    worker = session.worker(1.0)
    with pytest.raises(ProcessEnded):
        session.call(worker, CALL, [])


def test_a_worker_that_another_ones_reply_came_after_still_ended_for_memory(answer_of):
    session, worker, _ = answer_of(lambda head: None)
    other = session.worker(1.0)
    session._channel.script.calls = lambda head: replied({"id": head["id"], "kind": "value", "arrays": []}, oom_kills=1)
    session.call(other, CALL, [])
    session._channel.script.calls = lambda head: keeper_reply("died", signal=9, oom_kills=1)
    with pytest.raises(MemoryLimit):
        session.call(worker, CALL, [])


# The worker's own words: all may be a student's

VIOLATIONS = {
    "another id": lambda head: replied({"id": head["id"] ^ 1, "kind": "value", "value": 1, "arrays": []}),
    "an id that is not an integer": lambda head: replied({"id": float(head["id"]), "kind": "value", "arrays": []}),
    "no id": lambda head: replied({"kind": "value", "value": 1, "arrays": []}),
    "no kind": words(value=1),
    "the keeper's kind": words(kind="ended"),
    "a kind that is not text": words(kind=["value"]),
    "no table of arrays": lambda head: replied({"id": head["id"], "kind": "value", "value": 1}),
    "an array that is not there": words(kind="value", value={"a": 0}),
    "a body that nobody declared": lambda head: replied({"id": head["id"], "kind": "value", "arrays": []}, b"x"),
    "a frame cut short": lambda head: keeper_reply("replied", frame({"id": head["id"]})[:-1]),
    "a frame with more behind it": lambda head: keeper_reply("replied", frame({"id": head["id"]}) + b"x"),
    "no frame": lambda head: keeper_reply("replied"),
    "no JSON": lambda head: keeper_reply("replied", frame(b"\xff")),
    "a key twice": lambda head: keeper_reply("replied", frame(b'{"id": 1, "id": 1}')),
}


@pytest.mark.parametrize("how", VIOLATIONS)
def test_a_forged_frame_is_the_submissions_violation_and_ends_its_worker(answer_of, how):
    session, worker, raised = answer_of(VIOLATIONS[how])
    assert type(raised) is ProtocolViolation
    assert worker.over is raised
    assert session.lost is None, "the next worker is asked as if nothing had been"
    session._channel.script.calls = lambda head: None
    assert session.call(session.worker(1.0), CALL, [])[0] == 3


WORDS = [
    ({"kind": "raised", "builtin": "ValueError"}, Raised),
    ({"kind": "raised", "builtin": "ValueError", "importing": True}, ImportFailed),
    ({"kind": "raised", "builtin": "MemoryError"}, MemoryLimit),
    ({"kind": "raised", "type": "torch.OutOfMemoryError"}, GpuMemory),
    ({"kind": "missing", "name": "f"}, MissingFunction),
    ({"kind": "unsupported", "why": "no"}, NotProbed),
    ({"kind": "misused", "why": "no"}, Raised),
    ({"kind": "unsendable", "why": "no"}, WrongType),
    ({"kind": "unsendable", "why": "no", "large": True}, ReplyTooLarge),
    ({"kind": "raised", "builtin": ["x"], "type": 3, "message": {}, "line": "1", "file": 7}, Raised),
]


@pytest.mark.parametrize(("answer", "failure"), WORDS, ids=lambda x: getattr(x, "__name__", None))
def test_what_a_worker_reports_is_the_failure_it_was(answer_of, answer, failure):
    assert type(answer_of(words(**answer))[2]) is failure


@pytest.fixture
def solution(tmp_path):
    (tmp_path / "solution.py").write_text("a = 1\nb = 2\n")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "loss.py").write_text("x = 1\n")
    (tmp_path.parent / "outside.py").write_text("secret\n")
    (tmp_path / "link.py").symlink_to(tmp_path.parent / "outside.py")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line", "where"),
    [
        ("solution.py", 2, "solution.py:2"),
        ("parts/loss.py", 1, "parts/loss.py:1"),
        ("solution.py", 4, None),
        ("solution.py", 0, None),
        ("solution.py", True, None),
        ("solution.py", "2", None),
        ("the_hidden_value_is_42.py", 1, None),
        ("solution.py/../solution.py", 1, None),
        ("../outside.py", 1, None),
        ("/etc/passwd", 1, None),
        ("link.py", 1, None),
        ("parts", 1, None),
        ("solution.py\n", 1, None),
        ("parts//loss.py", 1, None),
    ],
)
def test_a_line_is_named_only_if_the_group_has_it(answer_of, solution, file, line, where):
    failure = answer_of(words(kind="raised", builtin="ValueError", file=file, line=line), solution)[2]
    assert failure.where == where


def test_what_a_student_reads_of_an_exception_is_a_built_in_name_and_a_line_of_their_own(answer_of, solution):
    secret = "hidden-42"
    answer = {"builtin": secret, "type": secret, "message": secret, "trace": secret, "file": f"{secret}.py", "line": 1}
    sentence = cause_words(Cause.of(answer_of(words(kind="raised", **answer), solution)[2]))
    assert sentence == "the call raised an exception (Exception)"


def test_evidence_can_be_stored_whatever_it_says(answer_of):
    failure = answer_of(words(kind="raised", builtin="ValueError", message="\ud800", trace="\udfff"))[2]
    assert str(failure).encode("utf-8")


# The keeper and the channel: toolkit failures

KEEPERS_FAULTS = {
    "closes": None,
    "forges the id": frame({"id": 1, **keeper_reply("replied")[0]}),
    "sends no JSON": frame(b"\xff\xfe"),
    "sends a key twice": frame(b'{"id": 1, "id": 1}'),
    "sends a list": frame(b"[]"),
    "sends an empty head": frame(b""),
    "says no outcome": lambda head: frame({"id": head["id"]}),
    "has an outcome that is not text": lambda head: frame({"id": head["id"], "outcome": ["replied"]}),
    "counts in words": lambda head: frame({"id": head["id"], **keeper_reply("replied")[0], "oom_kills": "two"}),
    "is broken and says so in numbers": lambda head: frame({"id": head["id"], "outcome": "broken", "text": 1.5}),
    "announces a head over its cap": PREFIX.pack((1 << 20) + 1, 0),
    "announces a body over its cap": PREFIX.pack(2, 1 << 31),
}


@pytest.mark.parametrize("how", KEEPERS_FAULTS)
def test_a_keeper_that_cannot_be_understood_is_a_toolkit_failure_and_ends_the_session(answer_of, how):
    reply = KEEPERS_FAULTS[how]

    class Faulty(Student):
        def __call__(self, head, body):
            if head["verb"] != "call":
                return super().__call__(head, body)
            return reply(head) if callable(reply) else reply

    channel = ScriptedChannel(Faulty({}))
    with channel:
        session = Session(channel, LIMITS)
        session.begin()
        worker = session.worker(1.0)
        with pytest.raises(EngineFailure):
            session.call(worker, CALL, [])
        assert isinstance(session.lost, ToolkitFailure)
        with pytest.raises(EngineFailure):
            session.worker(1.0)
        assert session.end(worker).log == ""


@pytest.mark.parametrize(
    "reply", [keeper_reply("ready"), keeper_reply("replied"), keeper_reply("gone", info={})], ids=["1", "2", "3"]
)
def test_a_keeper_that_does_not_say_that_it_is_ready_is_a_toolkit_failure(reply):
    with ScriptedChannel(lambda head, body: reply) as channel, pytest.raises(EngineFailure, match="ready"):
        Session(channel, LIMITS).begin()


def test_a_sandbox_that_the_kernel_ended_for_memory_is_the_submissions_failure():
    def script(head, body):
        return None if head["verb"] == "worker" else keeper_reply("ready", info={})

    with ScriptedChannel(script, ending=Ending(137, True, "oom")) as channel:
        session = Session(channel, LIMITS)
        session.begin()
        with pytest.raises(MemoryLimit):
            session.worker(1.0)


def test_a_sandbox_that_the_kernel_ended_before_it_held_a_worker_is_a_toolkit_failure():
    with ScriptedChannel(lambda head, body: None, ending=Ending(137, True, "oom")) as channel:
        session = Session(channel, LIMITS)
        for ask in (session.begin, lambda: session.worker(1.0)):
            with pytest.raises(InternalFailure, match="before the solution was touched: the whole sandbox"):
                ask()


@pytest.mark.parametrize("verb", ["begin", "worker"])
def test_a_broken_runtime_is_an_image_failure(verb):
    def script(head, body):
        return keeper_reply("broken", text="two threads") if head["verb"] == verb else keeper_reply("ready", info={})

    def opened(channel):
        session = Session(channel, LIMITS)
        session.begin()
        session.worker(1.0)

    with ScriptedChannel(script) as channel, pytest.raises(ImageFailure, match="two threads"):
        opened(channel)


def test_a_keeper_that_does_not_answer_is_a_toolkit_failure_at_the_deadline(monkeypatch):
    monkeypatch.setattr(sessions, "START_S", 0.2)
    with ScriptedChannel(lambda head, body: b"") as channel:
        began = time.monotonic()
        with pytest.raises(EngineFailure, match="in time"):
            Session(channel, LIMITS).begin()
        assert 0.2 <= time.monotonic() - began < 2


@pytest.mark.parametrize("takes", [0, 20])
def test_the_deadline_covers_writing(monkeypatch, takes):
    monkeypatch.setattr(sessions, "START_S", 0.2)
    with ScriptedChannel(Student(), takes=takes) as channel, pytest.raises(EngineFailure, match="in time"):
        Session(channel, LIMITS).begin()


def test_a_frame_cut_short_is_a_toolkit_failure_at_the_deadline(monkeypatch):
    monkeypatch.setattr(sessions, "START_S", 0.2)
    cut = frame({"id": 1})[:-1]
    with ScriptedChannel(lambda head, body: cut) as channel, pytest.raises(EngineFailure, match="in time"):
        Session(channel, LIMITS).begin()


def test_a_session_interrupted_in_mid_question_asks_nothing_more():
    def interrupt(head):
        raise KeyboardInterrupt

    with ScriptedChannel(Student({"f": lambda: 1}, calls=interrupt)) as channel:
        session = Session(channel, LIMITS)
        session.begin()
        worker = session.worker(1.0)
        with pytest.raises(KeyboardInterrupt):
            session.call(worker, CALL, [])
        before = len(channel.written)
        session.end(worker)
        assert len(channel.written) == before
        assert isinstance(session.lost, EngineFailure)


def test_every_request_has_an_id_of_its_own_that_cannot_be_guessed(answer_of):
    ids = []

    def note(head):
        ids.append(head["id"])

    session, worker, _ = answer_of(note)
    for _ in range(50):
        session.call(worker, CALL, [])
    assert len(set(ids)) == 51
    assert max(ids) > 2**40


def test_a_worker_that_was_ended_gets_no_further_question(answer_of):
    session, worker, _ = answer_of(lambda head: None)
    session.end(worker)
    with pytest.raises(TypeError, match="was ended"):
        session.call(worker, CALL, [])


# A sandbox that ends before its time

OUT_OF_MEMORY = Ending(137, True, "the container exited with 137")
ENDED = Ending(1, False, "the container exited with 1")


class Ends(Student):
    """A keeper whose sandbox ends at one verb."""

    def __init__(self, verb):
        super().__init__({"f": lambda: 3})
        self.verb = verb

    def __call__(self, head, body):
        if head["verb"] != self.verb:
            return super().__call__(head, body)
        time.sleep(0.02)
        return None


@pytest.fixture
def sandboxes():
    """A session over sandboxes that are opened one after another: `sandboxes("call", "")` ends the first in a call."""
    channels = []

    def open_session(*verbs, ending=OUT_OF_MEMORY, **ways):
        left = iter(verbs)

        def reopen():
            channels.append(ScriptedChannel(Ends(next(left)), ending=ending))
            return channels[-1]

        session = Session(reopen(), LIMITS, reopen=reopen, **ways)
        session.begin()
        return session

    open_session.channels = channels
    yield open_session
    for channel in channels:
        channel.__exit__()


def test_a_sandbox_that_ends_for_memory_costs_the_present_question_and_not_the_next(sandboxes):
    session = sandboxes("call", "")
    with pytest.raises(MemoryLimit):
        session.call(session.worker(1.0), CALL, [])
    assert session.call(session.worker(1.0), CALL, [])[0] == 3


def test_a_sandbox_that_ends_for_memory_as_a_worker_opens_costs_nothing(sandboxes):
    session = sandboxes("worker", "")
    assert session.call(session.worker(1.0), CALL, [])[0] == 3


def test_a_solution_that_ends_its_sandbox_as_it_is_imported_has_failed(sandboxes):
    session = sandboxes("worker", "worker", "worker", "worker", "")
    for _ in range(3):
        with pytest.raises(MemoryLimit):
            session.worker(1.0)
    assert len(sandboxes.channels) == 4, "one, and three after it"


def test_a_worker_of_a_lost_sandbox_stays_ended_and_its_new_keeper_hears_nothing_of_it(sandboxes):
    session = sandboxes("call", "")
    old, other = session.worker(1.0), session.worker(1.0)
    with pytest.raises(MemoryLimit):
        session.call(old, CALL, [])
    session.worker(1.0)
    for worker in (old, other):
        with pytest.raises(MemoryLimit):
            session.call(worker, CALL, [])
    assert session.end(other).cpu_s == 0.01
    assert 0.03 <= session.end(old).cpu_s < 1, "what it used at last is not known: all the time that it took"
    assert sandboxes.channels[1].script.verbs == ["begin", "worker"]


def test_a_sandbox_that_ends_for_another_reason_is_not_replaced_unless_the_caller_lists_it(sandboxes):
    session = sandboxes("call", "", ending=ENDED)
    with pytest.raises(EngineFailure):
        session.call(session.worker(1.0), CALL, [])
    with pytest.raises(EngineFailure):
        session.worker(1.0)
    session = sandboxes("call", "", ending=ENDED, reopens=(ToolkitFailure,))
    with pytest.raises(EngineFailure):
        session.call(session.worker(1.0), CALL, [])
    assert session.call(session.worker(1.0), CALL, [])[0] == 3


def test_a_sandbox_that_cannot_be_replaced_is_a_toolkit_failure(sandboxes):
    session = sandboxes("call", "begin")
    with pytest.raises(MemoryLimit):
        session.call(session.worker(1.0), CALL, [])
    for _ in range(2):
        with pytest.raises(ToolkitFailure):
            session.worker(1.0)


def test_the_usage_of_one_worker_is_not_that_of_the_next_that_did_not_open(patient):
    session = patient(idle_for(70.0, cpu_s=0.0))
    session.end(session.worker(100.0))
    assert session.last_usage.cpu_s == 0.01
    for _ in range(2):
        session.call(session.worker(100.0), CALL, [])
    with pytest.raises(WallLimit):
        session.worker(100.0)
    assert session.last_usage is None
