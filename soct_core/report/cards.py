"""The run in brief, as markdown and plain rows: for pages that show neither HTML nor files.

Text that comes from files is escaped: it can inject neither markdown nor HTML.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from schemas.handoffs import InterpolationOutcome, RunResult
from schemas.slice_id import format_slice_id
from soct_core.errors import one_line
from soct_core.file_names import FINAL_NAME, RUN_RECORD_NAME

_THUMBNAIL_PX = 720
"""Longer side, chosen by eye: some tens of kB, since many of them would bloat Prefect's database."""
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def key(*parts: str) -> str:
    """A key of lowercase letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-") or "run"


def plain(text: str) -> str:
    """Text that markdown shows as it is, on one line; entities would be shown as they are written."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))


def slice_rows(result: RunResult) -> list[dict[str, str]]:
    """One row per slot from the first slice to the last: slice, outcome, reason."""
    reasons = {i: f"gap of {len(gap)} slices" for gap in result.gaps.multi for i in gap}
    outcomes = {o.slice_id: o for o in result.interpolations}
    measured = set(result.slices)
    rows = []
    for slice_id in range(min(measured), max(measured) + 1):
        outcome, reason = "gap", reasons.get(slice_id, "")
        if slice_id in measured:
            outcome, reason = "measured", ""
        elif slice_id in outcomes:
            made = outcomes[slice_id]
            outcome = made.result.replace("_", " ")
            reason = ": ".join(filter(None, (made.reason, made.detail)))
        rows.append({"slice": format_slice_id(slice_id), "outcome": outcome, "reason": plain(reason)})
    return rows


def slice_card(made: InterpolationOutcome, remedy: str = "") -> str:
    """What became of one gap, what to do, and a small picture of it where there is a preview."""
    said = ": ".join(filter(None, (made.reason, made.detail)))
    lines = [
        f"**Slice {format_slice_id(made.slice_id)}: {made.result.replace('_', ' ')}**",
        plain(said),
        plain(remedy),
        f"![preview]({_thumbnail(made.preview)})" if made.preview else "",
        _listing([path for path in (made.volume, made.preview) if path is not None]),
    ]
    return "\n\n".join(filter(None, lines))


def file_card(result: RunResult) -> str:
    """Where everything is, and what the user should know."""
    paths = (
        result.stack.volume,
        result.report,
        result.output / FINAL_NAME,
        result.stack.decisions,
        result.output / RUN_RECORD_NAME,
    )
    return "\n\n".join(filter(None, (_listing(paths), *(f"Warning: {plain(w)}" for w in result.warnings))))


def _listing(paths: Iterable[Path]) -> str:
    # Paths as they are, to be copied: browsers open no local files from a page of a server.
    return "\n".join(f"- {code(one_line(str(path)))}" for path in paths)


def code(text: str) -> str:
    """Text that markdown shows letter by letter.

    Examples
    --------
    >>> code("a_b.csv"), code("a`b")
    ('`a_b.csv`', '`` a`b ``')
    """
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"`{text}`" if fence == "`" else f"{fence} {text} {fence}"


def _thumbnail(png: Path) -> str:
    """A data URI of some tens of kB."""
    with Image.open(png) as picture:
        small = picture.convert("RGB")
    small.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
