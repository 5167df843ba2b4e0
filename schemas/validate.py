"""Check CSV files against their schemas: `python -m schemas.validate FILE...`.

Prints one line per fault. Exit code 0 when every file is valid, 1 otherwise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from schemas.tables.csv_table import CsvTable, TableFaults
from schemas.tables.slice_config import SLICE_CONFIG
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from schemas.tables.stage_shifts import STAGE_SHIFTS

_OTHER_TABLES = {"shifts_xy": STAGE_SHIFTS, "stacking_decisions": STACKING_DECISIONS}


def table_for(path: Path) -> CsvTable:
    """The schema that a file name calls for; slice configs may have any name."""
    return next((t for stem, t in _OTHER_TABLES.items() if path.stem.startswith(stem)), SLICE_CONFIG)


def faults_of(path: Path) -> list[str]:
    """Every fault of one file, a line each, with the path as it was given."""
    try:
        table_for(path).read(path)
    except TableFaults as error:
        return [str(fault) for fault in error.faults]
    except OSError as error:
        return [f"{path}: {error.strerror or error}"]
    return []


def warnings_of(path: Path) -> list[str]:
    """What is valid in a file but probably not meant, a line each."""
    return [f"{path}: {said}" for said in table_for(path).misnamed(table_for(path).read(path).columns)]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m schemas.validate",
        description="Check slice_config*.csv, shifts_xy*.csv and stacking_decisions*.csv files.\n"
        "One line per fault: file, row, column, the value seen and the value wanted.",
        epilog="examples:\n  python -m schemas.validate ACQ/slice_config.csv\n"
        "  python -m schemas.validate ACQ/*.csv\n\n"
        "exit codes: 0 every file is valid; 1 not",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    files = parser.parse_args(argv).files
    faults = {path: faults_of(path) for path in files}
    valid = [path for path, found in faults.items() if not found]
    for line in (line for found in faults.values() for line in found):
        print(line)
    # Not among the faults: scripts count those.
    for said in (said for path in valid for said in warnings_of(path)):
        print(f"warning: {said}", file=sys.stderr)
    print(f"{len(valid)} of {len(faults)} valid", file=sys.stderr)
    return 0 if len(valid) == len(faults) else 1


if __name__ == "__main__":
    sys.exit(main())
