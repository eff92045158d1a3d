"""Finds which files of the toolkit a stage depends on, by reading the imports in their text. Nothing is imported.

A stage runs again when one of these files changes, and only then. Three things end the search: a file outside the
toolkit, an exception (`NOT_FOLLOWED`, each with its reason), and a family. A family is a literal of named entries: a
stage that takes its entry by name depends on that entry and on the code around the literal, not on the other entries.
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

from assignments.cached import cached
from assignments.digests import code_maker, file_digest, source_digest, tree_digest
from assignments.errors import UserError
from assignments.metric_names import metric_form

TOOLKIT = Path(__file__).parents[2]
"""The folder that holds the packages `assignments` and `graders`."""
PACKAGES = ("assignments", "graders")
FAMILIES = {
    "graders/metrics/__init__.py": "METRICS",
    "graders/tasks/__init__.py": "TASKS",
    "assignments/data/sources/__init__.py": "SOURCES",
    "assignments/contracts/__init__.py": "CONTRACTS",
}
"""Files that hold a literal of named entries, and its name."""
NOT_FOLLOWED = {
    "assignments/assignment.py": "its values are in the keys, each in those of the stages that read it",
    "assignments/data/parts.py": "the keys hold what the parts of a source are: training arrays, inputs, truth",
    "assignments/errors.py": "it holds the texts of errors, and no result holds these",
    "assignments/folders.py": "it finds an assignment; the assignment itself is in the keys",
    "graders/record/": "it is the form of stored results; each form has a number, and older ones are read",
    "graders/wall/sandboxes/__init__.py": "a backend carries bytes and starts the image that is in the keys; one "
    "list of behaviours holds all of them",
}
"""Files, and folders with a slash at their end, on which no stage depends although it imports them; and the reason."""
DISTRIBUTION_NAMES = {"skimage": "scikit-image", "sklearn": "scikit-learn"}
"""The names under which packages are installed, where they are imported under other names."""


@dataclass(frozen=True)
class ImportedName:
    """`from module import name`, or `import module`, where `name` is None."""

    module: str
    name: str | None
    level: int = 0
    """Dots before the module: 1 for the file's own package."""


@dataclass(frozen=True)
class SourceFacts:
    """One file as the search needs it."""

    digest: str
    named: tuple[tuple[str, ImportedName], ...]
    """Its imports, each with the name that the file gives it."""

    @property
    def imports(self) -> Iterator[ImportedName]:
        """Its imports, in their order."""
        return (imported for _, imported in self.named)


@dataclass
class Dependencies:
    """The files and packages that the search has met."""

    digests: dict[str, str] = field(default_factory=dict)
    """By file: its path from the folder that holds the packages, with slashes."""
    stopped: set[str] = field(default_factory=set)
    """Keys of `NOT_FOLLOWED` that ended the search somewhere."""
    outside: set[str] = field(default_factory=set)
    """Packages of neither the toolkit nor Python itself, by the names under which they are imported."""


def dependencies(
    starts: Iterable[str],
    *,
    authors: Iterable[bytes] = (),
    named: Mapping[str, Collection[str]] | None = None,
    toolkit: Path = TOOLKIT,
) -> Dependencies:
    """The files that `starts` depend on, themselves included, each with a digest of what it does.

    Args:
        starts: Files of the toolkit, such as `graders/asking/check.py`. A start is followed even if it is an exception.
        authors: Sources of files in an assignment's folder; the files that they import are starts too.
        named: By family, the entries that count: `{"TASKS": ["classification"]}`. Without it, all entries do.
        toolkit: The folder that holds the packages.

    Raises:
        UserError: a file of the toolkit is missing.
    """
    search = _DependencySearch(toolkit, named or {})
    waiting = list(starts)
    for source in authors:
        for imported in _source(source).imports:
            search.note(imported)
            waiting += search.present(imported)
    search.follow(waiting)
    return search.result


def with_modules_beside(path: Path) -> dict[str, bytes]:
    """An author's file and the modules of its folder that it imports, directly or not: their text by the module's name.

    Raises:
        FileNotFoundError: there is no such file.
    """
    sources = {path.stem: path.read_bytes()}
    waiting = [path.stem]
    while waiting:
        for imported in _source(sources[waiting.pop()]).imports:
            name = imported.module.partition(".")[0]
            beside = path.with_name(f"{name}.py")
            if name and name not in sources and beside.is_file():
                sources[name] = beside.read_bytes()
                waiting.append(name)
    return sources


def installed(packages: Iterable[str]) -> dict[str, str]:
    """The installed versions of some packages, by the names under which they are imported.

    Packages that are not installed are left out: nothing can be computed with them.
    """
    versions = {}
    for name in sorted(packages):
        with suppress(PackageNotFoundError):
            try:
                versions[name] = version(DISTRIBUTION_NAMES.get(name, name))
            except PackageNotFoundError:
                versions[name] = version(_distributions().get(name, [name])[0])
    return versions


@cache
def _distributions() -> Mapping[str, list[str]]:
    """The distributions that install each package. Looking them up takes most of a second."""
    return packages_distributions()


class _DependencySearch:
    """One search through the toolkit's files."""

    def __init__(self, toolkit: Path, named: Mapping[str, Collection[str]]) -> None:
        self.result = Dependencies()
        self._toolkit, self._named = toolkit, named
        self._is_file = cache(lambda name: (toolkit / name).is_file())

    def follow(self, waiting: list[str]) -> None:
        """Add files, and all that they import."""
        starts = set(waiting)
        while waiting:
            name = waiting.pop()
            if name in self.result.digests:
                continue
            if name not in starts and (reason := _exception(name)):
                self.result.stopped.add(reason)
                continue
            if name in FAMILIES:
                imports = self._of_family(name)
            else:
                source = _source(self._bytes(name))
                self.result.digests[name], imports = source.digest, source.imports
            package = name.rpartition("/")[0].replace("/", ".")
            for imported in imports:
                self.note(imported)
                waiting += self.targets(imported, package)

    def note(self, imported: ImportedName) -> None:
        """Add the name of a package that is not the toolkit's."""
        top = imported.module.partition(".")[0]
        if not imported.level and top not in PACKAGES and top not in sys.stdlib_module_names:
            self.result.outside.add(top)

    def present(self, imported: ImportedName) -> Iterator[str]:
        """The toolkit's files that an author's import runs. If one is missing, the author's code fails."""
        return filter(self._is_file, self.targets(imported, package=""))

    def targets(self, imported: ImportedName, package: str) -> Iterator[str]:
        """The toolkit's files that an import in a file of `package` runs; a family only where the import names it."""
        module = _absolute(imported, package)
        if module.split(".")[0] not in PACKAGES:
            return
        path = module.replace(".", "/")
        package_file = f"{path}/__init__.py"
        submodule = f"{path}/{imported.name}"
        ran = ""
        if imported.name and (file := self._module_file(submodule)):
            yield file
        elif not self._is_file(package_file):
            yield f"{path}.py"
        else:
            source = self._bytes(package_file)
            family = package_file in FAMILIES
            through = dict(_source(source).named).get(imported.name or "") if family else None
            lacks = imported.name not in (None, "*") and str(imported.name).encode() not in source
            if through == imported or lacks:
                yield f"{submodule}.py"  # a module of the package that is not there
            elif through is not None:
                yield from self.targets(through, package=module)
            else:
                ran = package_file
                yield ran
        # To import a module runs the packages around it.
        parts = path.split("/")
        around = [f"{'/'.join(parts[:n])}/__init__.py" for n in range(1, len(parts) + 1)]
        yield from (file for file in around if file not in FAMILIES and file != ran and self._is_file(file))

    def _module_file(self, path: str) -> str:
        """The file of a module or package at `path`; empty if there is none."""
        return next((file for file in (f"{path}.py", f"{path}/__init__.py") if self._is_file(file)), "")

    def _of_family(self, name: str) -> Iterable[ImportedName]:
        """The imports of a family that its chosen entries and the code around the literal need."""
        literal = FAMILIES[name]
        entries = self._named.get(literal)
        forms = None if entries is None else tuple(sorted({metric_form(entry) for entry in entries}))
        part = _part(self._bytes(name), literal, forms)
        self.result.digests[name] = part.digest
        return part.imports

    def _bytes(self, name: str) -> bytes:
        try:
            return (self._toolkit / name).read_bytes()
        except FileNotFoundError:
            raise UserError(
                f"{self._toolkit / name} is missing, so no digest of the marking code can be made. Install "
                "medmark again: pip install --force-reinstall medmark"
            ) from None


def _absolute(imported: ImportedName, package: str) -> str:
    """The module's name from the top, for an import in a file of `package`."""
    if not imported.level:
        return imported.module
    parts = package.split(".")
    above = parts[: len(parts) - imported.level + 1]
    return ".".join([*above, *([imported.module] if imported.module else [])])


def _exception(name: str) -> str | None:
    """The key of `NOT_FOLLOWED` that covers a file."""
    return next((key for key in NOT_FOLLOWED if name == key or (key.endswith("/") and name.startswith(key))), None)


@lru_cache(maxsize=1024)
def _source(source: bytes) -> SourceFacts:
    digest, imports = cached(_maker(), source, _read)
    return SourceFacts(digest, tuple((name, ImportedName(*fields)) for name, fields in imports))


@lru_cache(maxsize=256)
def _part(source: bytes, literal: str, forms: tuple[str, ...] | None) -> SourceFacts:
    """A family's file as far as it concerns the entries whose names have these forms, or all of them."""
    digest, imports = cached(f"{_maker()} {literal} {forms}", source, lambda source: _read_part(source, literal, forms))
    return SourceFacts(digest, tuple((name, ImportedName(*fields)) for name, fields in imports))


@cache
def _maker() -> str:
    return f"imports by {sys.version_info[:2]} {file_digest(Path(__file__))} {code_maker()}"


def _read(source: bytes) -> tuple[str, list[tuple[str, tuple[str, str | None, int]]]]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source_digest(source), []
    return tree_digest(tree), [(name, astuple(imported)) for name, imported in _imports(tree.body)]


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
        forms = None  # an entry is declared in another way: it depends on all of them
    chosen = [node for entry, node in entries.items() if forms is None or metric_form(entry) in forms]
    used = set().union(*map(_global_names, (*around, *chosen)))
    imports = [(name, astuple(imported)) for name, imported in _imports(tree.body) if name in used]
    return tree_digest(*around, *chosen), imports


def _imports(statements: Iterable[ast.stmt]) -> Iterator[tuple[str, ImportedName]]:
    """(name in the file, import) for every import, also those within functions.

    Imports for a type checker alone are left out.
    """
    for node in statements:
        if isinstance(node, ast.Import):
            yield from ((alias.asname or alias.name, ImportedName(alias.name, None)) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (
                (alias.asname or alias.name, ImportedName(module, alias.name, node.level)) for alias in node.names
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
    """Names that a statement or an expression reads but does not bind."""
    nodes = list(ast.walk(part))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return {node.id for node in names} - bound
