"""Mutations of valid files: what editors, spreadsheets, disks and strangers do to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

TOKENS = [
    b"", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\xc3\x28", b"\r", b"\r\n", b"\n\n", b'"',
    b'""', b"'", b",", b";", b"\t", b"=cmd|' /C calc'!A0", b"@SUM(1)", b"-", b"+1", b"0", b"-1", b"7.0",
    b"07", b"007", b"1e999", b"-1e308", b"1e-320", b"NaN", b"inf", b"-Infinity", b"1_0", b"0x10",
    b"9" * 400, b"9" * 5000, b"0x" + b"f" * 6000, b"TRUE", b"Yes", b"perhaps", b"None", b"null", b"true",
    b"[]", b"{}", b"[[", b"]" * 3, b"[" * 3000, b"{" * 3000, b'{"a":' * 2000, b"../" * 5, b"/etc/passwd",
    b"C:\\x", b"A" * 200_000, "\u202eabc".encode(), "\uff17".encode(), "\u0667".encode(),
    "\u00a07".encode(), "\u2028".encode(), "\u1680".encode(), "\U0001f9e0".encode(), b"\x1b[31m",
    b"<script>", b"1979-05-27T07:32:00Z", b"99999999",
]  # fmt: skip

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3.5, -0.0, 1e308, -1e308, 1e-320, float("nan"), float("inf"),
    float("-inf"), 10**12, 10**30, 10**400, -(2**63), 2**24, 2**24 + 1, "", " ", "0", "1", "nan", "\x00",
    "a\nb", "\u202e", "\ud800", "..", "../..", "/", "/etc", ".", "a/../../..", "link", "x" * 100_000,
    "zarr.json", "pickle", "|O", "<f16", ">f4", "<u2", "object", "string", [], {}, [[]], [0], [1, 1, 1],
    [-1, 2, 3], [0, 0, 0], [10**12, 1, 1], [10**4] * 3, [2**24] * 3, [1e300] * 3, ["1", "2", "3"],
    [None] * 3, [True] * 3, [float("nan")] * 3, [1] * 10_000, {"": {}}, {"id": "pickle"},
    {"name": "pickle"}, {"name": "numcodecs.pickle", "configuration": {}},
    [{"id": "pickle", "protocol": 5}], {"id": "zlib", "level": 99}, {"name": "regular"}, {"type": "affine"},
    {"type": "scale", "scale": [0, 0, 0]}, {"type": "translation", "translation": [1e308] * 3},
    {"type": []},
]  # fmt: skip


def flip(data: bytes, rng: Random) -> bytes:
    """Change up to eight bytes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def truncate(data: bytes, rng: Random) -> bytes:
    """Cut the end, or the start, off."""
    at = rng.randint(0, len(data))
    return data[:at] if rng.random() < 0.8 else data[at:]


def splice(data: bytes, rng: Random) -> bytes:
    """Put a token somewhere, over what is there or between."""
    at = rng.randint(0, len(data))
    return data[:at] + rng.choice(TOKENS) + data[at + rng.choice((0, 0, 1, 4, 20)) :]


def repeat(data: bytes, rng: Random) -> bytes:
    """Repeat a stretch."""
    a, b = sorted(rng.randint(0, len(data)) for _ in range(2))
    return data[:b] + data[a:b] * rng.choice((1, 2, 50)) + data[b:]


def recode(data: bytes, rng: Random) -> bytes:
    """What other programs call text."""
    text = data.decode("utf-8", "replace")
    encoding = rng.choice(("utf-16", "utf-16-le", "utf-32", "latin-1", "cp037", "utf-8-sig"))
    return text.encode(encoding, "replace")


def line_ends(data: bytes, rng: Random) -> bytes:
    """CRLF, old Mac, none at the end, many."""
    return rng.choice(
        (data.replace(b"\n", b"\r\n"), data.replace(b"\n", b"\r"), data.rstrip(b"\n"), data + b"\n" * 20)
    )


def lines(data: bytes, rng: Random) -> bytes:
    """Repeat, drop or shuffle lines."""
    rows = data.split(b"\n")
    at = rng.randrange(len(rows))
    match rng.randrange(4):
        case 0:
            rows.insert(at, rng.choice(rows))
        case 1:
            del rows[at]
        case 2:
            rng.shuffle(rows)
        case _:
            rows[at] += rng.choice((b",", b",,,,", b";", b" ", b"#"))
    return b"\n".join(rows)


def cell(data: bytes, rng: Random) -> bytes:
    """Replace one cell."""
    rows = [row.split(b",") for row in data.split(b"\n")]
    row = rng.choice(rows)
    token = rng.choice(TOKENS)
    row[rng.randrange(len(row))] = b'"' + token + b'"' if rng.random() < 0.3 else token
    return b"\n".join(map(b",".join, rows))


def columns(data: bytes, rng: Random) -> bytes:
    """Repeat, drop or move one column, or empty ones behind all."""
    rows = [row.split(b",") for row in data.split(b"\n") if row]
    width = len(rows[0]) if rows else 1
    a, b = rng.randrange(width), rng.randrange(width)
    kind = rng.randrange(4)
    for row in rows:
        if len(row) <= max(a, b):
            continue
        if kind == 0:
            row.insert(b, row[a])
        elif kind == 1:
            del row[a]
        elif kind == 2:
            row[a], row[b] = row[b], row[a]
        else:
            row += [b"", b""]
    return b"\n".join(map(b",".join, rows)) + b"\n"


def separators(data: bytes, rng: Random) -> bytes:
    """The separators and decimal commas of other countries."""
    other = rng.choice((b";", b"\t", b"|", b", "))
    return data.replace(b".", b"\0").replace(b",", other).replace(b"\0", rng.choice((b",", b".")))


def structure(data: bytes, rng: Random) -> bytes:
    """Change, drop, rename or deepen one node of a JSON document."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return splice(data, rng)
    try:
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            tree = _changed(tree, rng)
        return json.dumps(tree).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return data


def _changed(tree: Any, rng: Random) -> Any:
    nodes = list(_nodes(tree))
    if not nodes:
        return deepcopy(rng.choice(VALUES))
    holder, key = rng.choice(nodes)
    match rng.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice(("", "x", key + " ", "__class__"))] = holder.pop(key)
        case 2:
            deep: Any = holder[key]
            for _ in range(rng.choice((1, 5, 900))):
                deep = [deep]
            holder[key] = deep
        case 3 if isinstance(holder, list):
            holder.append(deepcopy(holder[key]))
        case _:
            holder[key] = deepcopy(rng.choice(VALUES))
    return tree


def _nodes(tree: Any, depth: int = 0) -> Any:
    if depth > 50 or not isinstance(tree, dict | list):
        return
    keys = list(tree) if isinstance(tree, dict) else range(min(len(tree), 50))
    for key in keys:
        yield tree, key
        yield from _nodes(tree[key], depth + 1)


ANY: tuple[Mutation, ...] = (flip, truncate, splice, splice, repeat, recode, line_ends)
CSV: tuple[Mutation, ...] = (*ANY, lines, lines, cell, cell, cell, columns, separators)
JSON: tuple[Mutation, ...] = (*ANY, *(structure,) * 12)
TOML: tuple[Mutation, ...] = (*ANY, lines, splice, splice)


def mutated(data: bytes, mutations: tuple[Mutation, ...], rng: Random) -> bytes:
    """One to three mutations, one upon the other."""
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
        data = rng.choice(mutations)(data, rng)
    return data[: 2**20]
