"""Tables that lie beside images, such as a `metadata.csv`: which of their columns say what, and which row is whose."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from assignments.data.folder.headings import is_reserved, is_truth, meaning
from assignments.data.folder.layouts.layout import folders_of, relative, visible
from assignments.data.folder.subject_names import stem_of
from assignments.errors import listed
from assignments.tables import Table, read_table

_MOST_VALUES: Final = 12
"""Different values of a column that is proposed as a stratum."""
_SHARE: Final = 0.5
"""The share of images that a column must name to be the one that names them."""
_DEPTH: Final = 3
"""Folders within folders that are searched for tables."""
_NOTHING: Final = ("no finding", "no findings", "none", "normal", "healthy")
_CLASS_WORDS: Final = frozenset({
    "label", "labels", "class", "diagnosis", "finding", "findings", "grade", "type", "plane", "category", "pathology",
    "disease", "grading",
})  # fmt: skip
_TARGET_WORDS: Final = frozenset({"boneage", "target", "ef", "survival", "age"})
"""Words of headings that name what is often predicted, where a table has nothing else of that kind."""
_USED: Final = ("subject", "part", "class", "target")


@dataclass(frozen=True)
class Beside:
    """What a table beside the images says of each file."""

    cells: Mapping[str, Mapping[str, str]]
    """By file: cells by the column of a table of cases."""
    columns: tuple[str, ...]
    """Reserved columns that it fills in."""
    strata: tuple[str, ...]
    questions: tuple[str, ...]


def beside(folder: Path, files: Sequence[str], *, labelled: bool = False) -> tuple[Beside | None, list[str]]:
    """The table of a folder that has a row for these images, or None; and what is wrong with its tables."""
    wrong: list[str] = []
    naming: list[_Naming] = []
    for path in _tables_below(folder, _DEPTH):
        name = relative(folder, path)
        table, problems = read_table(path)
        wrong += [f"{name} is not used: it {problem.what}; {problem.cure}" for problem in problems]
        if table and (column := _naming(table, name, files)):
            naming.append(column)
        elif table:
            wrong.append(f"{name} is not used: no column of it names the images or their patients")
    if not naming:
        return None, wrong
    best = max(naming, key=lambda column: column.count)
    others = [column.name for column in naming if column is not best]
    wrong += [f"{other} names images too, and is not used: join it with {best.name}" for other in others]
    return _read_by(best, files, labelled), wrong


def _tables_below(folder: Path, depth: int) -> Iterator[Path]:
    yield from (path for path in visible(folder, (".csv", ".tsv", ".xlsx")) if path.name != "cases.csv")
    for inside in folders_of(folder) if depth else ():
        if not inside.is_symlink():
            yield from _tables_below(inside, depth - 1)


@dataclass(frozen=True)
class _Naming:
    """A column of a table whose cells are names of the images, or of their patients."""

    table: Table
    name: str
    """Of the table."""
    key: str
    count: int
    """Images that it names."""
    names_of: Callable[[str], tuple[str, ...]]
    """How it may name a file, or its patient."""


def _naming(table: Table, name: str, files: Sequence[str]) -> _Naming | None:
    """The column whose cells are names of these files, or else of their patients."""
    cells = {key: {row.cells[key] for row in table.rows} for key, heading in table.headings.items() if heading}
    for names_of in (_file_names, _patient_names):
        counts = {key: sum(any(n in texts for n in names_of(file)) for file in files) for key, texts in cells.items()}
        best = max(counts, key=lambda key: counts[key], default=None)
        if best is not None and counts[best] >= _SHARE * len(files):
            return _Naming(table, name, best, counts[best], names_of)
    return None


def _file_names(file: str) -> tuple[str, ...]:
    """How a table may name a file."""
    return file, Path(file).name, stem_of(file)


def _patient_names(file: str) -> tuple[str, ...]:
    """How a table may name the patient of a file: by a folder, or by a beginning of its name that has a number."""
    stem = stem_of(file)
    ends = [match.start() for match in re.finditer(r"[_\-. ]", stem)]
    beginnings = [stem[:end] for end in reversed(ends) if any(map(str.isdigit, stem[:end]))]
    return (*reversed(Path(file).parts[:-1]), *beginnings)


def _read_by(column: _Naming, files: Sequence[str], labelled: bool) -> Beside:
    """The cells of each file, by what the columns mean."""
    table, key, name = column.table, column.key, column.name
    of_files = column.names_of is _file_names
    by_name = {row.cells[key]: row.cells for row in table.rows}
    rows = {file: next((by_name[n] for n in column.names_of(file) if n in by_name), None) for file in files}
    questions = [f"{name}: its column {table.headings[key]} names the {'images' if of_files else 'patients'}"]
    counts = Counter(row.cells[key] for row in table.rows if row.cells[key])
    without = [file for file, cells in rows.items() if cells is None]
    if without:
        questions.append(f"{name} has no row for {len(without)} of {len(files)} images, such as {without[0]}")
    used = {cells[key] for cells in rows.values() if cells is not None}
    if unused := len(counts) - len(used):
        questions.append(f"{name} has {unused} rows without an image here")
    if twice := [text for text, count in counts.items() if count > 1]:
        questions.append(f"{name} has several rows for {listed(twice)}: the last is taken")
    questions += [f"{name}: line {row.line} {row.problem.what}" for row in table.rows if row.problem]
    others = {k: heading for k, heading in table.headings.items() if heading and k != key}
    columns = _columns(table, others, questions)
    if not of_files and "subject" not in columns:
        columns["subject"] = key
    labels = _yes_or_no(table, [k for k in others if k not in columns.values()])
    if labels and not {"class", "target"} & set(columns):
        one_each = all(sum(float(row.cells[k]) for k in labels) == 1 for row in table.rows)
        kind = "the class of each case" if one_each else "labels that do not exclude each other"
        questions.append(f"are {', '.join(others[k] for k in labels[:4])} of {name} {kind}?")
        if one_each:
            cells = {f: _with_class(c, labels, others) for f, c in rows.items() if c}
            return _beside(
                cells, {**columns, "class": "\0class"}, _strata(table, others, {*columns.values(), *labels}), questions
            )
        columns |= {f"class:{others[k]}": k for k in labels}
    plain = {file: dict(cells) for file, cells in rows.items() if cells}
    if not labelled and not any(map(is_truth, columns)):
        several = _several_labels(table, others, columns)
        if several:
            at, names = several
            questions.append(
                f"are {listed(names, 6)} of {others[at]} labels that do not exclude each other? "
                "A case with none of them has 0 in all"
            )
            columns |= {f"class:{label}": f"\0{label}" for label in names}
            for of_file in plain.values():
                marked = {word.strip() for word in of_file[at].split("|")}
                of_file.update({f"\0{label}": str(int(label in marked)) for label in names})
            others = {k: heading for k, heading in others.items() if k != at}
        elif guess := _guessed_truth(table, others, columns):
            columns[guess[0]] = guess[1]
            questions.append(f"is {others[guess[1]]} the {guess[0]}?")
    strata = _strata(table, others, set(columns.values()))
    if strata:
        questions.append(f"columns of {name} that become strata, by which a split can be balanced: {listed([*strata])}")
    unused_columns = [h for k, h in others.items() if k not in columns.values() and k not in strata.values()]
    if unused_columns:
        questions.append(f"columns of {name} that are not used: {listed(unused_columns, 8)}")
    return _beside(plain, columns, strata, questions)


def _words(heading: str) -> set[str]:
    return {word.casefold() for word in re.findall(r"[A-Za-z][a-z]*", heading)} | {heading.strip().casefold()}


def _several_labels(
    table: Table, others: Mapping[str, str], columns: Mapping[str, str]
) -> tuple[str, tuple[str, ...]] | None:
    """The column whose cells list findings, `Effusion|Mass`, and their names; None where no cell lists several."""
    for key in others:
        cells = [row.cells[key] for row in table.rows]
        if key in columns.values() or not any("|" in cell for cell in cells):
            continue
        names = {word.strip() for cell in cells for word in cell.split("|")} - {""}
        names -= {name for name in names if name.casefold() in _NOTHING}
        if 2 <= len(names) <= _MOST_VALUES * 4:
            return key, tuple(sorted(names))
    return None


def _guessed_truth(
    table: Table, others: Mapping[str, str], columns: Mapping[str, str]
) -> tuple[Literal["class", "target"], str] | None:
    """The column that is likely to be the truth, by a word of its heading and its cells: its kind and its key."""
    for key, heading in others.items():
        values = {row.cells[key] for row in table.rows} - {""}
        if key not in columns.values() and _words(heading) & _CLASS_WORDS and 1 < len(values) <= _MOST_VALUES * 2:
            return "class", key
    for key, heading in others.items():
        values = {row.cells[key] for row in table.rows} - {""}
        if key not in columns.values() and _words(heading) & _TARGET_WORDS and values and all(map(_is_number, values)):
            return "target", key
    return None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _columns(table: Table, others: Mapping[str, str], questions: list[str]) -> dict[str, str]:
    """Keys by the reserved column that they fill in."""
    columns: dict[str, str] = {}
    for key, heading in others.items():
        meant = heading if is_reserved(heading) else meaning(heading)
        if meant in _USED and meant not in columns:
            columns[meant] = key
            questions += [f"is {heading} the {meant}?"] if heading != meant else []
    if "part" not in columns and (marks := _train_or_not(table, others, columns)):
        columns["part"] = marks
        questions.append(f"does {others[marks]} name a published split, with 1 for training and 0 for hidden cases?")
    if "subject" not in columns:
        for key, heading in others.items():
            values = [row.cells[key] for row in table.rows]
            if key.endswith("id") and 1 < len(set(values)) < len(values):
                columns["subject"] = key
                questions.append(f"is {heading} the patient? {len(values)} rows have {len(set(values))} of them")
                break
    return columns


def _train_or_not(table: Table, others: Mapping[str, str], columns: Mapping[str, str]) -> str | None:
    """The column that says of each case whether it is for training."""
    for key, heading in others.items():
        if "train" in _words(heading) and {row.cells[key] for row in table.rows} == {"0", "1"}:
            return None if key in columns.values() else key
    return None


def _yes_or_no(table: Table, keys: Sequence[str]) -> list[str]:
    """Columns of 0 and 1 alone, if there are several."""
    marks = {"0", "1", "0.0", "1.0"}
    both = [key for key in keys if {row.cells[key] for row in table.rows} <= marks]
    return both if len(both) > 1 else []


def _with_class(cells: Mapping[str, str], labels: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    """Cells with the one class that a row of 0 and 1 names."""
    return {**cells, "\0class": next(names[key] for key in labels if float(cells[key]) == 1)}


def _strata(table: Table, others: Mapping[str, str], used: set[str]) -> dict[str, str]:
    """Keys of the columns with few values, by heading."""
    few = {}
    for key, heading in others.items():
        values = {row.cells[key] for row in table.rows}
        if key not in used and meaning(heading) is None and ":" not in heading and 1 < len(values) <= _MOST_VALUES:
            few[heading] = key
    return few


def _beside(
    rows: Mapping[str, Mapping[str, str]], columns: Mapping[str, str], strata: Mapping[str, str], questions: list[str]
) -> Beside:
    sources = {**columns, **strata}
    cells = {file: {column: row[key] for column, key in sources.items()} for file, row in rows.items()}
    return Beside(cells, tuple(columns), tuple(strata), tuple(questions))
