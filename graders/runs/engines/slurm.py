"""Carries packages to the nodes of a cluster by Slurm's `sbatch` alone: no port is opened between machines.

    put         a package lies in the shared folder (`graders.runs.engines.shared_folder`)
    gather      packages that come within a moment are submitted as one job array
    watch       one thread looks for replies, and now and then asks `squeue` for all jobs at once
    take        a reply is read and removed

Everything is keyed by packages. A coordinator that was killed and starts again takes the replies that came meanwhile,
and waits for the tasks that are still queued: it recognises them by the names of their arrays. A reply that two tasks
wrote, since Slurm took a node for lost that was not, is the same reply.

The reply in the folder is what counts. A task's state in `squeue` only says why there will be none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from assignments.assignment import Limits
from assignments.errors import UserError
from graders.course.course import EngineSettings
from graders.runs.engines import slurm_queue, slurm_script
from graders.runs.engines.engine import STOPPED
from graders.runs.engines.package import Delivery, Package
from graders.runs.engines.shared_folder import SharedFolder
from graders.runs.engines.slurm_queue import QueuedTask, SlurmAway
from graders.runs.engines.slurm_waiting import Pace, WaitingPackage

ARRAY_MOST = 100
"""Tasks of one array at most; sites may allow no more than a few hundred."""
PACE = Pace()


class SlurmCarrier:
    """Carries each package as one task of a job array.

    Args:
        settings: of the course.
        course: its folder, at which a relative path of the settings begins.
        pace: how often it looks, and how patient it is.
    """

    def __init__(self, settings: EngineSettings, course: Path, *, pace: Pace = PACE) -> None:
        if settings.folder is None:
            raise UserError(
                'the engine "slurm" needs a folder that this machine and all nodes share: write folder = "/..." under '
                "[engine] in course.toml"
            )
        self._settings, self._pace = settings, pace
        self._folder = SharedFolder((course / settings.folder).resolve())
        self._limits = Limits()
        self._waiting: dict[str, WaitingPackage] = {}
        self._earlier: dict[str, QueuedTask] | None = None
        """Tasks of an earlier run that have not ended, by key; None before Slurm has listed them."""
        self._excluded: list[str] = []
        self._asked_at = 0.0
        self._away_at: float | None = None
        """Since when Slurm does not answer."""
        self._changed = threading.Condition()
        self._watcher: threading.Thread | None = None
        self._stopped = False

    def slots(self, limits: Limits, jobs: int | None) -> int:
        """As many as the settings have workers. Slurm says at once whether any node could ever do one."""
        try:
            self._folder.prepare()
        except OSError as error:
            cure = "Check folder under [engine] in course.toml."
            raise UserError(f"{error.filename}: {error.strerror}. {cure}") from error
        options = [*slurm_script.resources(self._settings, limits), f"--time={slurm_script.minutes(self._settings, 0)}"]
        try:
            self._refuse_unsatisfiable(options)
        except SlurmAway as error:
            raise UserError(f"Slurm does not answer: {error}. Try again when `sinfo` answers here.") from error
        self._limits = limits
        return min(self._settings.workers, jobs or self._settings.workers)

    def carry(self, package: Package, deadline_s: float) -> Delivery:
        """Have a package done by a task, and wait for its reply. The deadline counts from when the task begins."""
        if deadline_s <= 0:
            return Delivery(None, "the job's time was over before it began")
        try:
            self._folder.put(package)
        except OSError as error:
            return Delivery(None, f"a package could not be written to the shared folder: {error}")
        with self._changed:
            if self._stopped:
                return Delivery(None, STOPPED)
            fresh = WaitingPackage(package, deadline_s, self._limits, time.monotonic())
            waiting = self._waiting.setdefault(package.key, fresh)
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="slurm", daemon=True)
                self._watcher.start()
            self._changed.notify_all()
        if trouble := waiting.trouble.result():
            with suppress(OSError):  # the next sweep removes it
                self._folder.withdraw(package.key)
            return Delivery(None, trouble, waiting.node)
        try:
            reply = self._folder.reply(package.key)
            self._folder.forget(package.key, waiting.array, waiting.index)
        except OSError as error:
            return Delivery(None, f"a reply could not be read from the shared folder: {error}", waiting.node)
        return Delivery(reply, "", waiting.node)

    def exclude(self, machine: str) -> int:
        """Submit nothing more to a node; how many slots are left: 0 if there is no other node.

        Without a node's name it is Slurm itself that failed: it refused, or let jobs wait for ever.
        """
        if not machine:
            return 0
        with self._changed:
            self._excluded.append(machine)
            arrays = {each.task.split("_")[0] for each in self._waiting.values() if each.task}
        with suppress(SlurmAway, UserError):  # then only later arrays avoid it
            slurm_queue.avoid(arrays, self._excluded)
            if not slurm_queue.nodes(self._settings.queue) - set(self._excluded):
                return 0
        return self._settings.workers

    def stop(self) -> None:
        """Cancel all tasks that somebody waits for, those of an earlier run too."""
        with self._changed:
            self._stopped = True
            watcher = self._watcher
            self._changed.notify_all()
        if watcher is not None:
            watcher.join(2 * slurm_queue.COMMAND_S)

    def _refuse_unsatisfiable(self, options: Sequence[str]) -> None:
        """Refuse a job that no node could run; Slurm says the same of one that only nodes could run that are away.

        Raises:
            SlurmAway: the controller did not answer.
            UserError: no node could run it, or those that might are away; or Slurm is not on this machine.
        """
        try:
            slurm_queue.refuse_unsatisfiable(options, slurm_script.probe(self._settings))
        except UserError as refusal:
            try:
                away = slurm_queue.nodes_away(self._settings.queue)
            except UserError:
                raise refusal from None  # of a machine without Slurm, this says what to do
            job = f"such a job ({' '.join(options)}): {refusal}."
            settings = "[engine] in course.toml or the assignment's limits; `sinfo` lists what there is."
            if not away:
                raise UserError(f"Slurm could never run {job} Change {settings}") from refusal
            raise UserError(
                f"Slurm finds no node at present for {job} Away: {', '.join(away)}. If it would fit there, wait until "
                f"`sinfo` shows the node idle; else change {settings}"
            ) from refusal

    def _watch(self) -> None:
        """In a thread of its own, until it is stopped: settle what has ended."""
        try:
            self._folder.sweep()
            while not self._stopped:
                self._round()
                with self._changed:
                    if not self._stopped:
                        self._changed.wait(self._pace.look if self._waiting else None)
            self._end(self._all(), STOPPED)
        except BaseException as error:  # noqa: BLE001  without an answer every slot would wait for ever
            with self._changed:
                self._watcher = None
            self._end(self._all(), f"Slurm's jobs can no longer be watched: {error}")

    def _round(self) -> None:
        """Look once: replies first, then the queue."""
        arrived = self._folder.arrived()
        here = [each for each in self._all() if each.package.key in arrived]
        for each in here:
            each.ran_on(arrived[each.package.key])
        # A task that was queued again, since its node seemed lost, has nothing left to do.
        self._cancel([each for each in here if each.seen and each.seen.state == "PENDING"])
        self._settle(here, "")
        waiting, now = self._all(), time.monotonic()
        if waiting and (self._earlier is None or now - self._asked_at >= self._pace.ask):
            self._asked_at = now
            try:
                self._compare(waiting, slurm_queue.queue(), now)
                self._away_at = None
            except SlurmAway as error:
                self._away_at = self._away_at or now
                if now - self._away_at >= self._pace.slurm_away:
                    self._end(waiting, f"Slurm has not answered for {self._pace.slurm_away / 60:.0f} min: {error}")
                return
        if self._earlier is None or self._away_at is not None:
            return
        new = [each for each in self._all() if not each.array]
        if new and time.monotonic() - new[-1].since >= self._pace.gather:
            self._submit_all([each for each in new if not self._recognised(each, self._earlier)])

    def _compare(self, waiting: Sequence[WaitingPackage], tasks: Sequence[QueuedTask], now: float) -> None:
        """Compare what waits with what Slurm lists."""
        listed = {(array, task.index): task for task in tasks if (array := slurm_script.array_of(task.name))}
        if self._earlier is None:
            self._earlier = self._of_earlier_runs(listed)
        for each in waiting:
            task = listed.get((each.array, each.index))
            if not each.task and task is None:
                each.array = ""  # not submitted yet, or sbatch was cut short and Slurm knows nothing of it
                continue
            each.task = task.id if task else each.task
            if trouble := each.trouble_now(task, now, self._pace, self._folder):
                self._end([each], trouble)

    def _of_earlier_runs(self, listed: Mapping[tuple[str, int], QueuedTask]) -> dict[str, QueuedTask]:
        alive = {which: task for which, task in listed.items() if slurm_queue.standing(task) != "ended"}
        keys = {array: self._folder.keys(array) for array in {array for array, _ in alive}}
        return {keys[array][index]: task for (array, index), task in alive.items() if index < len(keys[array])}

    def _recognised(self, waiting: WaitingPackage, earlier: dict[str, QueuedTask]) -> bool:
        """Whether a task of an earlier run does this package already."""
        task = earlier.pop(waiting.package.key, None)
        if task is not None:
            waiting.goes_as(slurm_script.array_of(task.name) or "", task.index, task.id, task)
        return task is not None

    def _submit_all(self, packages: Sequence[WaitingPackage]) -> None:
        """Submit packages, those of equal limits together."""
        while packages:
            alike = [each for each in packages if each.limits == packages[0].limits][:ARRAY_MOST]
            self._submit(alike)
            packages = [each for each in packages if each not in alike]

    def _submit(self, packages: Sequence[WaitingPackage]) -> None:
        """Submit packages as one array. If Slurm does not answer, the next look finds out whether it has the array."""
        try:
            array = self._folder.add_array([each.package.key for each in packages])
        except OSError as error:
            self._settle(packages, f"an array could not be written to the shared folder: {error}")
            return
        for index, each in enumerate(packages):
            each.goes_as(array, index)
        walltime = slurm_script.minutes(self._settings, max(each.deadline_s for each in packages))
        options = [
            *slurm_script.resources(self._settings, packages[0].limits),
            f"--time={walltime}",
            *slurm_script.array_options(self._folder, array, len(packages)),
            *([f"--exclude={','.join(self._excluded)}"] if self._excluded else []),
        ]
        try:
            job = slurm_queue.submit(options, slurm_script.script(self._settings, self._folder, array))
        except SlurmAway:
            return
        except UserError as error:
            self._settle(packages, f"Slurm refused the job: {error}")
            return
        for index, each in enumerate(packages):
            each.goes_as(array, index, f"{job}_{index}")

    def _all(self) -> list[WaitingPackage]:
        with self._changed:
            return list(self._waiting.values())

    def _end(self, packages: Sequence[WaitingPackage], trouble: str) -> None:
        """Cancel tasks, and answer the slots that wait for them."""
        self._cancel(packages)
        self._settle(packages, trouble)

    def _settle(self, packages: Iterable[WaitingPackage], trouble: str) -> None:
        """Answer the slots that wait for packages."""
        for each in packages:
            with self._changed:
                self._waiting.pop(each.package.key, None)
            each.trouble.set_result(trouble)

    def _cancel(self, packages: Iterable[WaitingPackage]) -> None:
        with suppress(SlurmAway, UserError):  # a task that stays is one that the next run recognises
            slurm_queue.cancel(each.task for each in packages if each.task)
