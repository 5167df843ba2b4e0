"""Which image, and which of its channels, is read of a file that holds several."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.contract import Contract

Number = Annotated[int, Field(ge=0, le=10_000)]


class ImageChoice(Contract):
    """What the user picked; what is None was not."""

    image: Number | None = None
    """Number of the image, from 0: in `multiscales`, or a folder of the bioformats2raw layout."""
    channel: Number | None = None
    """Number of the channel, from 0."""

    @property
    def is_made(self) -> bool:
        """Whether anything was picked."""
        return self.image is not None or self.channel is not None
