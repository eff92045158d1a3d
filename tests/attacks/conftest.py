"""How an attack reports: its control, its outcome, and the table that `make attacks` prints.

An attack is a test that carries `@pytest.mark.attack(ID, "what it tries")` and passes when the attack fails. It first
shows that the attack works where the guard is off (`attack.fired`), so that no guard is praised for an attack that
could not have worked, and says in a few words what came of it (`attack.came_to`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from tests.attacks.walls import WALL

CLASSES = {
    "S": "spoofing, and reading tests and labels",
    "P": "the wire",
    "R": "resources",
    "N": "escape and network",
    "G": "repositories",
    "F": "values that the host reads",
    "H": "reports, exports, terminals",
    "J": "notebooks",
}
collect_ignore = ["target"]
"""An assignment: its tests are run by medmark."""
TRIES, CONTROL, CAME_TO = "attack", "control", "came to"


class Attack:
    """What one attack has to say."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        mark = item.get_closest_marker("attack")
        assert mark is not None, "the fixture `attack` is for tests marked with @pytest.mark.attack(ID, TRIES)"
        self.id, tries = mark.args
        assert self.id[0] in CLASSES
        item.user_properties.append((TRIES, (self.id, tries)))

    def fired(self, worked: bool, how: str) -> None:
        """The positive control: the attack `worked` where the guard is off, as `how` says."""
        assert worked, f"the control of {self.id} is silent, so the guard proves nothing: {how}"
        self._item.user_properties.append((CONTROL, how))

    def came_to(self, outcome: str) -> None:
        """What the attack came to behind the guard, in a few words, before it is judged."""
        self._item.user_properties.append((CAME_TO, outcome))


@pytest.fixture(scope="session")
def images(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Says that the wall has the runtime of a framework, and skips where it has not: `images("numpy")`."""
    if WALL == "docker":
        built: Callable[..., None] = request.getfixturevalue("built_images")
        return built
    return partial(request.getfixturevalue("folders"), WALL)


@pytest.fixture
def attack(request: pytest.FixtureRequest) -> Attack:
    return Attack(request.node)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Id, what it tries, its control, what came of it; then how many succeeded of how many tried, class by class."""
    rows = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            properties = dict(getattr(report, "user_properties", ()))
            if TRIES in properties and (report.when == "call" or report.skipped or report.failed):
                rows[report.nodeid] = (*properties[TRIES], properties, report)
    if not rows:
        return
    say = terminalreporter.write_line
    tried, succeeded, not_run = Counter[str](), Counter[str](), Counter[str]()
    terminalreporter.section("attacks")
    for id, tries, properties, report in sorted(rows.values(), key=lambda row: row[0]):
        control = properties.get(CONTROL)
        came_to = properties.get(CAME_TO, "")
        if report.skipped:
            came_to, control = f"NOT RUN: {report.longrepr[-1]}", control or "-"
            not_run[id[0]] += 1
        else:
            tried[id[0]] += 1
            if report.failed:
                succeeded[id[0]] += 1
                came_to = f"SUCCEEDED, or its control is silent. {came_to}"
        say(f"{id}  {tries}")
        say(f"     control: {control or 'SILENT'}")
        say(f"     came to: {came_to}")
    say("")
    for letter, what in CLASSES.items():
        if tried[letter] or not_run[letter]:
            lost = f", {not_run[letter]} NOT RUN" if not_run[letter] else ""
            say(f"{letter}  {what}: {succeeded[letter]} succeeded of {tried[letter]} tried{lost}")
    say(f"In all: {succeeded.total()} succeeded of {tried.total()} tried")
    if not_run:
        say(f"{not_run.total()} ATTACKS WERE NOT RUN, and prove nothing.", red=True, bold=True)
