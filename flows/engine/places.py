"""Paths that survive a move: written relative to the acquisition or the output, read back anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from schemas.contract import Contract
from soct_core.errors import RecordError
from soct_core.file_names import DEFAULT_OUTPUT
from soct_core.storage.safe_paths import is_within

Model = TypeVar("Model", bound=Contract)


class Places(Contract):
    """The two directories of a run."""

    output: Path
    acquisition: Path

    @classmethod
    def of(cls, acquisition: Path, output: Path | None) -> Places:
        """The same with absolute paths, and the output where it is by default."""
        directory = acquisition.expanduser().absolute()
        out = (output or directory / DEFAULT_OUTPUT).expanduser().absolute()
        return cls(output=out, acquisition=directory)

    def write(self, fields: dict[str, Any]) -> str:
        """Fields of a model as JSON that says the same wherever acquisition and output are moved to."""
        return json.dumps(self._portable(fields))

    def read(self, text: str, model: type[Model]) -> Model:
        """What `write` has written, with paths as they are now.

        Raises
        ------
        RecordError
            If a path leads out of the two directories: whoever can write to an output can write a record.
        ValueError
            If it is something else.
        """
        found = model.model_validate(self._placed(json.loads(text)))
        # A text where a path is wanted is one to pydantic, wherever it leads.
        if stray := [path for path in _paths(found.model_dump()) if not self._named(path)["in"]]:
            raise RecordError(f"{stray[0]}: lies neither in the output nor in the acquisition")
        return found

    def _portable(self, tree: Any) -> Any:
        # A path becomes the name of its directory, and the rest of it.
        if isinstance(tree, Path):
            return self._named(tree)
        if isinstance(tree, dict):
            return {str(key): self._portable(value) for key, value in tree.items()}
        if isinstance(tree, list | tuple):
            return [self._portable(value) for value in tree]
        return tree

    def _named(self, path: Path) -> dict[str, str]:
        # The output first: it usually lies within the acquisition.
        for name, place in (("output", self.output), ("acquisition", self.acquisition)):
            if path.is_relative_to(place):
                return {"in": name, "path": path.relative_to(place).as_posix()}
        return {"in": "", "path": str(path)}

    def _placed(self, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self._placed(value) for value in tree]
        if not isinstance(tree, dict):
            return tree
        if tree.keys() != {"in", "path"}:
            return {key: self._placed(value) for key, value in tree.items()}
        path = str(tree["path"])
        if tree["in"] == "output" and (path == "." or is_within(self.output, path)):
            return self.output / path
        # Slices may be links to wherever they are kept.
        if tree["in"] == "acquisition" and not path.startswith("/") and ".." not in PurePosixPath(path).parts:
            return self.acquisition / path
        raise RecordError(f"{path!r}: lies neither in the output nor in the acquisition")


def _paths(tree: Any) -> Iterator[Path]:
    if isinstance(tree, Path):
        yield tree
    elif isinstance(tree, dict | list | tuple):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _paths(value)
