"""Tables that lie beside images, such as a `metadata.csv`: which of their columns say what, and which row is whose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assignments.data.folder.headings import is_reserved, meaning
from assignments.data.folder.layouts.layout import relative, visible
from assignments.data.folder.subject_names import stem_of
from assignments.errors import listed
from assignments.tables import Table, read_table

_MOST_VALUES: Final = 12
"""Different values of a column that is proposed as a stratum."""
_SHARE: Final = 0.5
"""The share of images that a column must name to be the one that names them."""
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


def beside(folder: Path, files: Sequence[str]) -> tuple[Beside | None, list[str]]:
    """The table of a folder that has a row for these images, or None; and what is wrong with its tables."""
    wrong: list[str] = []
    for path in visible(folder, (".csv", ".tsv", ".xlsx")):
        table, problems = read_table(path) if path.name != "cases.csv" else (None, [])
        wrong += [f"{path.name} is not used: it {problem.what}; {problem.cure}" for problem in problems]
        key = _naming(table, files) if table else None
        if table and key is not None:
            return _read_by(table, key, relative(folder, path), files), wrong
    return None, wrong


def _naming(table: Table, files: Sequence[str]) -> str | None:
    """The key of the column whose cells are names of these files."""
    names = {name for file in files for name in (file, Path(file).name, stem_of(file))}
    counts = {
        key: len({row.cells[key] for row in table.rows} & names) for key, heading in table.headings.items() if heading
    }
    best = max(counts, key=lambda key: counts[key], default=None)
    return best if best is not None and counts[best] >= _SHARE * len(files) else None


def _read_by(table: Table, key: str, name: str, files: Sequence[str]) -> Beside:
    """The cells of each file, by what the columns mean."""
    by_name = {row.cells[key]: row.cells for row in table.rows}
    rows = {
        file: next((by_name[n] for n in (file, Path(file).name, stem_of(file)) if n in by_name), None) for file in files
    }
    questions = [f"{name}: its column {table.headings[key]} names the images"]
    counts = Counter(row.cells[key] for row in table.rows if row.cells[key])
    without = [file for file, cells in rows.items() if cells is None]
    if without:
        questions.append(f"{name} has no row for {len(without)} of {len(files)} images, such as {without[0]}")
    if unused := len(counts) - (len(files) - len(without)):
        questions.append(f"{name} has {unused} rows without an image here")
    if twice := [text for text, count in counts.items() if count > 1]:
        questions.append(f"{name} has several rows for {listed(twice)}: the last is taken")
    questions += [f"{name}: line {row.line} {row.problem.what}" for row in table.rows if row.problem]
    others = {k: heading for k, heading in table.headings.items() if heading and k != key}
    columns = _columns(table, others, questions)
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
    return _beside(plain, columns, _strata(table, others, set(columns.values())), questions)


def _columns(table: Table, others: Mapping[str, str], questions: list[str]) -> dict[str, str]:
    """Keys by the reserved column that they fill in."""
    columns: dict[str, str] = {}
    for key, heading in others.items():
        meant = heading if is_reserved(heading) else meaning(heading)
        if meant in _USED and meant not in columns:
            columns[meant] = key
            questions += [f"is {heading} the {meant}?"] if heading != meant else []
    if "subject" not in columns:
        for key, heading in others.items():
            values = [row.cells[key] for row in table.rows]
            if key.endswith("id") and 1 < len(set(values)) < len(values):
                columns["subject"] = key
                questions.append(f"is {heading} the patient? {len(values)} rows have {len(set(values))} of them")
                break
    return columns


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
