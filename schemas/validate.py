"""Check CSV files and JSON documents against their schemas: `python -m schemas.validate FILE...`.

Prints one line per fault. Exit code 0 when every file is valid, 1 otherwise.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from schemas.contract import Contract
from schemas.diagnostics import InterpolationDiagnostics
from schemas.pairwise import PairwiseMetrics, RigidTransform
from schemas.printable import printable
from schemas.published_stack import PublishedRecord
from schemas.quality import PairFigures, SliceFigures, SliceQuality
from schemas.run_record import RunRecord
from schemas.simulation import SimulationTruth
from schemas.small_file import read_small
from schemas.stack_plan import StackPlan
from schemas.tables.csv_table import CsvTable, TableFaults
from schemas.tables.slice_config import SLICE_CONFIG
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from schemas.tables.stage_shifts import STAGE_SHIFTS

_MOST_BYTES = 2**26
_MOST_SEEN = 80
"""Characters of a value that a line quotes."""
_DOCUMENTS: dict[str, type[Contract]] = {
    r"slice_z\d+_interpolated_diagnostics\.json": InterpolationDiagnostics,
    r"slice_z\d+_quality\.json": SliceQuality,
    r"slice_z\d+_figures\.json": SliceFigures,
    r"slice_z\d+_z\d+_figures\.json": PairFigures,
    r"transform\.json": RigidTransform,
    r"pairwise_registration_metrics\.json": PairwiseMetrics,
    r"run\.json": RunRecord,
    r"published\.json": PublishedRecord,
    r"plan\.json": StackPlan,
    r"truth\.json": SimulationTruth,
}
_OTHER_TABLES = {"shifts_xy": STAGE_SHIFTS, "stacking_decisions": STACKING_DECISIONS}


def table_for(path: Path) -> CsvTable:
    """The schema that a file name calls for; slice configs may have any name."""
    return next((t for stem, t in _OTHER_TABLES.items() if path.stem.startswith(stem)), SLICE_CONFIG)


def model_for(path: Path) -> type[Contract] | None:
    """The model that the name of a JSON document calls for; None where there is none."""
    return next((model for name, model in _DOCUMENTS.items() if re.fullmatch(name, path.name)), None)


def faults_of(path: Path) -> list[str]:
    """Every fault of one file, a line each, with the path as it was given."""
    if path.suffix == ".json":
        return _faults_of_document(path)
    try:
        table_for(path).read(path)
    except TableFaults as error:
        return [str(fault) for fault in error.faults]
    except OSError as error:
        return [f"{path}: {error.strerror or error}"]
    return []


def _faults_of_document(path: Path) -> list[str]:
    model = model_for(path)
    if model is None:
        wanted = "a name that a run gives, as run.json or slice_z07_interpolated_diagnostics.json"
        return [f"{path}: the name says which kind of document it is; got {path.name}, wanted {wanted}"]
    try:
        model.model_validate_json(read_small(path, _MOST_BYTES))
    except OSError as error:
        return [f"{path}: {error.strerror or error}"]
    except ValidationError as error:
        return [
            f"{path}, {'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}, "
            f"got {repr(fault['input'])[:_MOST_SEEN]}"
            for fault in error.errors()
        ]
    return []


def warnings_of(path: Path) -> list[str]:
    """What is valid in a file but probably not meant, a line each."""
    if path.suffix == ".json":
        return []
    return [f"{path}: {said}" for said in table_for(path).misnamed(table_for(path).read(path).columns)]


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    p = argparse.ArgumentParser(
        prog="soct validate" if Path(sys.argv[0]).stem == "soct" else "python -m schemas.validate",
        description="Check slice_config*.csv, shifts_xy*.csv and stacking_decisions*.csv files, and\n"
        "the JSON documents that a run or an assessment writes, by their names.\n"
        "One line per fault: file, row, column, the value seen and the value wanted.",
        epilog="examples:\n  python -m schemas.validate ACQ/slice_config.csv\n"
        "  python -m schemas.validate ACQ/*.csv ACQ/quality/slices/*_quality.json\n\n"
        "exit codes: 0 every file is valid; 1 not",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("files", nargs="+", type=Path, metavar="FILE")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    files = parser().parse_args(argv).files
    faults = {path: faults_of(path) for path in files}
    valid = [path for path, found in faults.items() if not found]
    for line in (line for found in faults.values() for line in found):
        print(printable(line))
    # Not among the faults: scripts count those.
    for said in (said for path in valid for said in warnings_of(path)):
        print(f"warning: {printable(said)}", file=sys.stderr)
    print(f"{len(valid)} of {len(faults)} valid", file=sys.stderr)
    return 0 if len(valid) == len(faults) else 1


if __name__ == "__main__":
    sys.exit(main())
