"""The audit trail: `slice_config.csv`, its manifest fragments, and how a run finishes it.

Which slices lie on disk is the acquisition.
"""

from soct_core.slice_config.selection import filter_slices_to_use, force_skip_slices
from soct_core.slice_config.table import (
    from_ids,
    merge_fragments,
    read,
    stamp,
    stamp_many,
    stamp_table,
    write,
)

__all__ = [
    "filter_slices_to_use",
    "force_skip_slices",
    "from_ids",
    "merge_fragments",
    "read",
    "stamp",
    "stamp_many",
    "stamp_table",
    "write",
]
