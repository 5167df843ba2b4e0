"""CSV tables with typed columns: read as text, judged by pandera, then typed.

Cells are judged as the text that the file holds, so that a fault can quote it; the typed
table is made only from text that passed, so the two can never disagree.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from itertools import islice
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from schemas.small_file import read_small
from schemas.tables.csv_cells import TEXT, CellKind

MAX_TABLE_BYTES = 32 * 2**20
MAX_ROWS = 200_000
"""Twice as many as there are slice ids."""
MAX_FAULTS_SAID = 3
_LIKENESS = 0.8
"""Share of letters in common from which another name may have been meant."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a table: where, what was seen, what was wanted."""

    file: str
    row: int | None
    column: str | None
    seen: str
    wanted: str

    def __str__(self) -> str:
        place = [self.file]
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column is not None:
            place.append(f"column {_short(self.column)!r}")
        return f"{', '.join(place)}: got {_short(self.seen)!r}, wanted {self.wanted}"


class TableFaults(ValueError):
    """A table that does not hold what its schema says; `faults` lists all of it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, faults)))

    @property
    def summary(self) -> str:
        """The first faults in one line, and how many more there are."""
        more = len(self.faults) - MAX_FAULTS_SAID
        said = "; ".join(map(str, self.faults[:MAX_FAULTS_SAID]))
        return f"{said}; and {more} more faults, see python -m schemas.validate" if more > 0 else said


@dataclass(frozen=True)
class CsvTable:
    """The schema of one kind of CSV file; columns not named here are kept as text."""

    columns: dict[str, CellKind]
    required: tuple[str, ...]
    unique: tuple[str, ...] = ()
    """Columns that together name a row."""
    of_others: tuple[str, ...] = ()
    """Columns that other programs write, which have no meaning here and are only kept."""
    row_checks: tuple[tuple[Callable[[pd.DataFrame], pd.Series], str], ...] = ()
    """Vectorised checks on the typed table, with what was wanted."""

    @cached_property
    def text_schema(self) -> pa.DataFrameSchema:
        """The pandera schema of the table as text."""
        return pa.DataFrameSchema(
            {
                name: pa.Column(
                    object,
                    pa.Check(kind.accepts, element_wise=True, error=kind.wanted),
                    required=name in self.required,
                )
                for name, kind in self.columns.items()
            }
        )

    @cached_property
    def typed_schema(self) -> pa.DataFrameSchema:
        """The pandera schema of the typed table: dtypes, and the checks across a row."""
        return pa.DataFrameSchema(
            {
                name: pa.Column(
                    None if kind.dtype == "object" else kind.dtype,
                    nullable=True,
                    required=name in self.required,
                )
                for name, kind in self.columns.items()
            },
            checks=[pa.Check(check, error=wanted) for check, wanted in self.row_checks],
        )

    def read(self, path: Path) -> pd.DataFrame:
        """Read and type a file; the index holds row numbers as a spreadsheet shows them.

        Raises
        ------
        TableFaults
            Naming file, row, column, the value seen and the value wanted.
        OSError
            If the file cannot be read.
        """
        return self.parse(str(path), _decode(path))

    def parse(self, name: str, text: str) -> pd.DataFrame:
        """Type the text of a file that messages call `name`; see `read`."""
        frame = _text_frame(name, text, self.columns)
        if faults := self._misspelt(name, list(frame.columns)):
            raise TableFaults(faults)
        missing = [column for column in self.required if column not in frame.columns]
        if missing:
            seen = ",".join(frame.columns)
            raise TableFaults([Fault(name, 1, None, seen, f"a column {missing[0]!r}")])
        faults = _pandera_faults(name, self.text_schema, frame)
        if faults:
            raise TableFaults(faults)
        typed = self._typed(frame)
        faults = self._duplicates(name, frame, typed) + _pandera_faults(name, self.typed_schema, typed)
        if faults:
            raise TableFaults(faults)
        return typed

    def to_csv(self, frame: pd.DataFrame) -> str:
        """Normal form: known columns in the schema's order, then the others as they came.

        Raises
        ------
        TableFaults
            If what would be written is not valid.
        """
        known = [name for name in self.columns if name in frame.columns]
        header = known + [name for name in frame.columns if name not in self.columns]
        out = io.StringIO()
        out.write(_line(header))
        kinds = [self.columns.get(name, TEXT) for name in header]
        for row in frame[header].itertuples(index=False, name=None):
            out.write(
                _line(
                    "" if cell is None or cell is pd.NA or cell != cell else kind.write(cell)
                    for kind, cell in zip(kinds, row, strict=True)
                )
            )
        text = out.getvalue()
        self.parse("the table to be written", text)
        return text

    def misnamed(self, header: Iterable[str]) -> list[str]:
        """A line per unknown column whose name is much like that of a known one that is missing."""
        names = list(header)
        absent = [name for name in self.columns if name not in names]
        near = {
            name: get_close_matches(_plain(name), absent, n=1, cutoff=_LIKENESS)
            for name in names
            if name not in self.columns and name not in self.of_others
        }
        return [
            f"column {_short(name)!r} has no meaning and is only kept; is {found[0]!r} meant?"
            for name, found in near.items()
            if found
        ]

    def _misspelt(self, file: str, header: list[str]) -> list[Fault]:
        """Columns whose names differ from a known one only by case, spaces or hyphens."""
        ours = {name: _plain(name) for name in header if name not in self.columns}
        return [
            Fault(file, 1, name, name, f"{'no second' if plain in header else 'the name'} {plain!r}")
            for name, plain in ours.items()
            if plain in self.columns
        ]

    def _typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        typed = {}
        for name in frame.columns:
            kind = self.columns.get(name, TEXT)
            cells = [kind.parse(text) for text in frame[name]]
            typed[name] = pd.Series(cells, index=frame.index, dtype=kind.dtype)
        return pd.DataFrame(typed, index=frame.index)

    def _duplicates(self, name: str, frame: pd.DataFrame, typed: pd.DataFrame) -> list[Fault]:
        if not self.unique:
            return []
        keys = typed[list(self.unique)].apply(tuple, axis=1)
        first = {key: row for row, key in reversed(list(keys.items()))}
        column = self.unique[0]
        return [
            Fault(
                name,
                int(str(row)),
                column,
                str(frame.at[row, column]),
                f"no duplicate of row {first[key]}",
            )
            for row, key in keys.items()
            if first[key] != row
        ]


def _line(cells: Iterable[str]) -> str:
    """One row; unlike csv.writer with this line end, a lone carriage return is quoted too."""
    return ",".join(_quoted(cell) if set(cell) & set(',"\r\n') else cell for cell in cells) + "\n"


def _quoted(cell: str) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


def _plain(column: str) -> str:
    return "_".join(column.strip().casefold().replace("-", " ").split())


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _decode(path: Path) -> str:
    content = read_small(path, MAX_TABLE_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = error.object[: error.start].count(b"\n") + 1
        seen = repr(error.object[error.start : error.start + 1])
        raise TableFaults([Fault(str(path), row, None, seen, "UTF-8 text")]) from error


def _text_frame(name: str, text: str, known: Container[str]) -> pd.DataFrame:
    try:
        rows = list(islice(csv.reader(io.StringIO(text, newline=""), strict=True), MAX_ROWS + 2))
    except csv.Error as error:
        raise TableFaults([Fault(name, None, None, str(error), "comma-separated values")]) from error
    if not rows or not any(rows[0]):
        raise TableFaults([Fault(name, 1, None, "", "a header row")])
    if len(rows) > MAX_ROWS + 1:
        raise TableFaults([Fault(name, MAX_ROWS + 2, None, "one more row", f"at most {MAX_ROWS} rows")])
    first, body = rows[0], [(at, row) for at, row in enumerate(rows[1:], start=2) if any(map(str.strip, row))]
    kept = _columns_with_something(first, [row for _, row in body])
    header = [first[at].strip() if first[at].strip() in known else first[at] for at in kept]
    faults = _header_faults(name, header)
    for number_, row in body:
        if len(row) <= kept[-1] or any(row[len(first) :]):
            wanted = f"{len(header)} cells as in the header"
            faults.append(Fault(name, number_, None, f"{len(row)} cells", wanted))
    if faults:
        raise TableFaults(faults)
    cells = [[row[at] for at in kept] for _, row in body]
    return pd.DataFrame(cells, index=[number_ for number_, _ in body], columns=header, dtype=object)


def _columns_with_something(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[int]:
    """Columns that have a name or content: spreadsheets leave empty ones without a name."""
    full = {at for at, cell in enumerate(header) if cell}
    full |= {at for row in body for at, cell in enumerate(row[: len(header)]) if cell}
    return sorted(full)


def _header_faults(name: str, header: list[str]) -> list[Fault]:
    for separator, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            return [Fault(name, 1, None, header[0], f"commas between the columns, not {called}")]
    twice = sorted({column for column in header if header.count(column) > 1})
    return [Fault(name, 1, column, column, "each column once") for column in twice]


def _pandera_faults(name: str, schema: pa.DataFrameSchema, frame: pd.DataFrame) -> list[Fault]:
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        return sorted(_failure_faults(name, error.failure_cases), key=lambda f: (f.row or 0, f.column or ""))
    return []


def _failure_faults(name: str, cases: pd.DataFrame) -> Iterable[Fault]:
    for _, same_check in cases.groupby(["index", "check"], dropna=False, sort=False):
        case = same_check.iloc[0]
        per_cell = case["schema_context"] == "Column"
        row = None if pd.isna(case["index"]) else int(case["index"])
        yield Fault(
            name,
            row,
            str(case["column"]) if per_cell else None,
            str(case["failure_case"]) if per_cell else "a row that contradicts itself",
            str(case["check"]),
        )
