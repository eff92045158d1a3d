"""Which files of the toolkit a piece of work depends on, found by following imports in their text. Nothing is imported.

A change in one of these files is a reason to do the work again; a change in any other is none. Three things end the
search: a file outside the toolkit, an exception (`NOT_FOLLOWED`, each with its reason), and a family. A family is a
literal of named entries: a stage that takes its entry by name depends on that entry and on what stands around the
literal, not on all its siblings.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from assignments.digests import code_maker, file_digest, source_digest, tree_digest
from assignments.errors import UserError
from assignments.metric_names import metric_form
from assignments.remembered import remembered

TOOLKIT = Path(__file__).parents[2]
"""The folder that holds the packages `assignments` and `graders`."""
PACKAGES = ("assignments", "graders")
FAMILIES = {
    "graders/metrics/__init__.py": "METRICS",
    "graders/tasks/__init__.py": "TASKS",
    "assignments/data/sources/__init__.py": "SOURCES",
}
"""Files that hold a literal of named entries, and its name."""
NOT_FOLLOWED = {
    "assignments/assignment.py": "its values are in the keys, each in those of the stages that read it",
    "assignments/data/sources/__init__.py": "what a source draws is in the keys as it came: training arrays, inputs, "
    "truth",
    "assignments/errors.py": "it says what is wrong, and to whom; no result holds its words",
    "assignments/files.py": "it writes a file whole or not at all; stored answers are named by what they hold",
    "assignments/folders.py": "it finds an assignment; what was found is in the keys",
    "graders/record/": "the form in which results are kept; a changed form has a number, and older ones are read",
    "graders/wall/sandboxes/__init__.py": "a backend carries bytes and starts the image that is in the keys; one "
    "list of behaviours holds all of them",
}
"""Files, and folders with a stroke at their end, that no stage depends on although it imports them, with the reason."""
CALLED = {"skimage": "scikit-image", "sklearn": "scikit-learn"}
"""How packages are called where they are installed from, where that is another name than they are imported under."""


@dataclass(frozen=True)
class Import:
    """`from module import name`, or `import module`, where `name` is None."""

    module: str
    name: str | None
    level: int = 0
    """Dots before the module: 1 for the file's own package."""


@dataclass(frozen=True)
class Source:
    """What following needs of one file."""

    digest: str
    named: tuple[tuple[str, Import], ...]
    """Its imports, each with the name it is given there."""

    @property
    def imports(self) -> Iterator[Import]:
        """Its imports, in their order."""
        return (found for _, found in self.named)


@dataclass
class Found:
    """What following found so far."""

    digests: dict[str, str] = field(default_factory=dict)
    """By file, with strokes, from the folder that holds the packages."""
    stopped: set[str] = field(default_factory=set)
    """Keys of `NOT_FOLLOWED` that ended the search somewhere."""
    outside: set[str] = field(default_factory=set)
    """Packages that are neither the toolkit's nor Python's own, by the names that they are imported under."""


def dependencies(
    starts: Iterable[str],
    *,
    authors: Iterable[bytes] = (),
    named: Mapping[str, Collection[str]] | None = None,
    toolkit: Path = TOOLKIT,
) -> Found:
    """The files that `starts` depend on, themselves included, each with a digest of what it does.

    Args:
        starts: Files of the toolkit, such as `graders/asking/check.py`. One of them is followed whatever it is.
        authors: Sources of files in an assignment's folder: what these import is followed as a start is.
        named: By family, the entries that are meant: `{"TASKS": ["classification"]}`. Without it, all of a family.
        toolkit: The folder that holds the packages.

    Raises:
        UserError: a file of the toolkit is missing.
    """
    search = _Search(toolkit, named or {})
    waiting = list(starts)
    for source in authors:
        for imported in _source(source).imports:
            search.note(imported)
            waiting += search.present(imported)
    search.follow(waiting)
    return search.found


def with_modules_beside(path: Path) -> dict[str, bytes]:
    """An author's file and the modules in its folder that it imports, and they: their text by the module's name.

    Raises:
        FileNotFoundError: it is not there.
    """
    found = {path.stem: path.read_bytes()}
    waiting = [path.stem]
    while waiting:
        for imported in _source(found[waiting.pop()]).imports:
            name = imported.module.partition(".")[0]
            beside = path.with_name(f"{name}.py")
            if name and name not in found and beside.is_file():
                found[name] = beside.read_bytes()
                waiting.append(name)
    return found


def installed(packages: Iterable[str]) -> dict[str, str]:
    """The versions in which some packages are installed here, by the names that they are imported under.

    What is not installed is left out: nothing can be computed with it.
    """
    found = {}
    for name in sorted(packages):
        with suppress(PackageNotFoundError):
            try:
                found[name] = version(CALLED.get(name, name))
            except PackageNotFoundError:
                found[name] = version(_distributions().get(name, [name])[0])
    return found


@cache
def _distributions() -> Mapping[str, list[str]]:
    """What installs each package; asked for an author's alone, since it takes most of a second."""
    return packages_distributions()


class _Search:
    """One search through the toolkit's files."""

    def __init__(self, toolkit: Path, named: Mapping[str, Collection[str]]) -> None:
        self.found = Found()
        self._toolkit, self._named = toolkit, named
        self._is_file = cache(lambda name: (toolkit / name).is_file())

    def follow(self, waiting: list[str]) -> None:
        """Add files, and all that they import."""
        starts = set(waiting)
        while waiting:
            name = waiting.pop()
            if name in self.found.digests:
                continue
            if name not in starts and (reason := _exception(name)):
                self.found.stopped.add(reason)
                continue
            if name in FAMILIES:
                imports = self._of_family(name)
            else:
                source = _source(self._bytes(name))
                self.found.digests[name], imports = source.digest, source.imports
            package = name.rpartition("/")[0].replace("/", ".")
            for imported in imports:
                self.note(imported)
                waiting += self.targets(imported, package)

    def note(self, imported: Import) -> None:
        """Keep the name of a package that is not the toolkit's."""
        top = imported.module.partition(".")[0]
        if not imported.level and top not in PACKAGES and top not in sys.stdlib_module_names:
            self.found.outside.add(top)

    def present(self, imported: Import) -> Iterator[str]:
        """The toolkit's files that an author's import runs. One that is not there is theirs to catch, or to correct."""
        return filter(self._is_file, self.targets(imported, package=""))

    def targets(self, imported: Import, package: str) -> Iterator[str]:
        """The toolkit's files that an import in a file of `package` runs; a family only where it is what is named."""
        module = imported.module
        if imported.level:
            above = package.split(".")[: len(package.split(".")) - imported.level + 1]
            module = ".".join([*above, *([module] if module else [])])
        if module.split(".")[0] not in PACKAGES:
            return
        path = module.replace(".", "/")
        package_file = f"{path}/__init__.py"
        inside = f"{path}/{imported.name}"
        own = ""
        if imported.name and (self._is_file(f"{inside}.py") or self._is_file(f"{inside}/__init__.py")):
            yield f"{inside}.py" if self._is_file(f"{inside}.py") else f"{inside}/__init__.py"
        elif not self._is_file(package_file):
            yield f"{path}.py"
        else:
            source = self._bytes(package_file)
            family = package_file in FAMILIES
            through = dict(_source(source).named).get(imported.name or "") if family else None
            lacks = imported.name not in (None, "*") and str(imported.name).encode() not in source
            if through == imported or lacks:
                yield f"{inside}.py"  # a module of the package that is not there
            elif through is not None:
                yield from self.targets(through, package=module)
            else:
                own = package_file
                yield own
        # To import a module runs the packages around it.
        parts = path.split("/")
        around = [f"{'/'.join(parts[:n])}/__init__.py" for n in range(1, len(parts) + 1)]
        yield from (file for file in around if file not in FAMILIES and file != own and self._is_file(file))

    def _of_family(self, name: str) -> Iterable[Import]:
        """The imports of a family that the entries meant and the code around the literal need."""
        literal = FAMILIES[name]
        wanted = self._named.get(literal)
        forms = None if wanted is None else tuple(sorted({metric_form(entry) for entry in wanted}))
        part = _part(self._bytes(name), literal, forms)
        self.found.digests[name] = part.digest
        return part.imports

    def _bytes(self, name: str) -> bytes:
        try:
            return (self._toolkit / name).read_bytes()
        except FileNotFoundError:
            raise UserError(
                f"{self._toolkit / name} is missing, and with it the digest of what marks depend on. Install medmark "
                "again: pip install --force-reinstall medmark"
            ) from None


def _exception(name: str) -> str | None:
    """The key of `NOT_FOLLOWED` that a file falls under."""
    return next((key for key in NOT_FOLLOWED if name == key or (key.endswith("/") and name.startswith(key))), None)


@lru_cache(maxsize=1024)
def _source(source: bytes) -> Source:
    digest, imports = remembered(_maker(), source, _read)
    return Source(digest, tuple((name, Import(*found)) for name, found in imports))


@lru_cache(maxsize=256)
def _part(source: bytes, literal: str, forms: tuple[str, ...] | None) -> Source:
    """What a family's file says of some of its entries: of those whose names have these forms, or of all."""
    digest, imports = remembered(
        f"{_maker()} {literal} {forms}", source, lambda source: _read_part(source, literal, forms)
    )
    return Source(digest, tuple((name, Import(*found)) for name, found in imports))


@cache
def _maker() -> str:
    return f"imports by {sys.version_info[:2]} {file_digest(Path(__file__))} {code_maker()}"


def _read(source: bytes) -> tuple[str, list[tuple[str, tuple[str, str | None, int]]]]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source_digest(source), []
    return tree_digest(tree), [(name, astuple(found)) for name, found in _imports(tree.body)]


def _read_part(
    source: bytes, literal: str, forms: tuple[str, ...] | None
) -> tuple[str, list[tuple[str, tuple[str, str | None, int]]]]:
    tree = ast.parse(source)
    entries: dict[str, ast.expr] = {}
    around: list[ast.stmt] = []
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        value = getattr(node, "value", None)
        if literal in names and isinstance(value, ast.Dict):
            keys = [key.value if isinstance(key, ast.Constant) else None for key in value.keys]
            entries = {str(key): entry for key, entry in zip(keys, value.values, strict=True)}
        elif "__all__" not in names and not isinstance(node, ast.Import | ast.ImportFrom):
            around.append(node)
    if forms is not None and not set(forms) <= {metric_form(entry) for entry in entries}:
        forms = None  # declared in a way that is not known here: it depends on all of them
    kept = [node for entry, node in entries.items() if forms is None or metric_form(entry) in forms]
    used = set().union(*map(_global_names, (*around, *kept)))
    imports = [(name, astuple(found)) for name, found in _imports(tree.body) if name in used]
    return tree_digest(*around, *kept), imports


def _imports(statements: Iterable[ast.stmt]) -> Iterator[tuple[str, Import]]:
    """(the name it is given, the import) for every import, also those within functions.

    What only a type checker runs is left out.
    """
    for node in statements:
        if isinstance(node, ast.Import):
            yield from ((alias.asname or alias.name, Import(alias.name, None)) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (
                (alias.asname or alias.name, Import(module, alias.name, node.level)) for alias in node.names
            )
        elif isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING":
            yield from _imports(node.orelse)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.stmt):
                    yield from _imports([child])
                elif isinstance(child, ast.ExceptHandler | ast.match_case):
                    yield from _imports(child.body)


def _global_names(part: ast.AST) -> set[str]:
    """Names that a statement or an expression reads and does not bind itself."""
    nodes = list(ast.walk(part))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return {node.id for node in names} - bound
