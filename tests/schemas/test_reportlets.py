"""A picture of a reportlet is base64 and nothing else."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from schemas.reportlets import Picture


def test_a_picture_is_base64_and_nothing_else() -> None:
    with pytest.raises(ValidationError):
        Picture(webp='x" onload="alert(1)', width=1, height=1)
