"""The methods say what was done and no more."""

from __future__ import annotations

import re
from pathlib import Path

from schemas.run_record import RunRecord
from soct_core.report.methods_text import methods_of
from soct_core.report.run_data import read_run


def test_the_methods_say_what_was_done_and_no_more(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    methods = methods_of(read_run(output, record))
    text = " ".join(methods.paragraphs)
    assert text.startswith("10 slices of nominally 200 µm")
    assert "Of two single gaps one was filled" in text
    assert "one left empty (no_foreground_planes: 1)" in text
    assert "enhanced correlation coefficient" in text
    assert "at most 10 iterations" in text, "a tenth of them refines"
    assert "70 × " in text
    assert "checks" not in text, "none were asked for"
    assert "Hann" not in text, "no two slices overlap"
    cited = [int(n) for group in re.findall(r"\[([\d, ]+)\]", text) for n in group.split(",")]
    assert sorted(set(cited)) == list(range(1, len(methods.references) + 1))
    assert list(dict.fromkeys(cited)) == sorted(set(cited)), "numbered as they are mentioned"
    early = tuple(o for o in record.outputs if o.path.startswith("interpolate"))
    before = methods_of(read_run(output, record.model_copy(update={"outputs": early})))
    assert len(before.paragraphs) == 2
    assert len(before.references) < len(methods.references)
