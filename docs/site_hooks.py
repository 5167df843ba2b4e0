"""Hooks of the docs site: links to files of the checkout that are no pages become plain text."""

from __future__ import annotations

import re
from typing import Any

_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The text of a page, without links that lead out of the site."""
    return _OUTSIDE.sub(r"\1", markdown)
