"""Names that would move the cursor of a terminal are shown with escapes, on every command's success too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tiny_slices import small_acquisition

from deployments import validate as deployments_validate
from flows import export, finalise, init, interpolate, report, simulate, verify
from flows.apply import __main__ as apply
from flows.assess import __main__ as assess
from flows.reconstruct import __main__ as reconstruct
from flows.terminal.commands import say
from schemas import validate

ODD = "mo\x1b]0;owned\x07\x1b[2Juse"
SHOWN = "mo\\x1b]0;owned\\x07\\x1b[2Juse"
Main = Callable[[Sequence[str] | None], int]


@pytest.fixture(scope="module")
def acquisition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = small_acquisition(tmp_path_factory.mktemp("odd") / ODD)
    (made / "slice_config.csv").write_text("slice_id,use\n1,false\n")
    return made


@pytest.mark.parametrize(
    ("main", "code", "arguments"),
    [
        (init.main, 0, ["{0}", "--overwrite"]),
        (validate.main, 1, ["{0}/{1}.csv"]),
        (export.main, 0, ["{0}/slice_z00.ome.zarr", "{0}/{1}.nii", "--overwrite"]),
        (
            interpolate.main,
            0,
            ["{0}/slice_z00.ome.zarr", "{0}/slice_z02.ome.zarr", "{0}/{1}.ome.zarr", "--method", "average"],
        ),
        (
            finalise.main,
            0,
            [
                *("--slice-config-in", "{0}/slice_config.csv", "--slice-config-out", "{0}/{1}.csv"),
                *("--fragments", "{0}/none", "--overwrite"),
            ],
        ),
        (
            simulate.main,
            0,
            ["{0}/{1}", "--slicing-interval-um", "100", "--reference", "{0}/slice_z00.ome.zarr"],
        ),
        (verify.main, 2, ["{0}/none"]),
        (report.main, 2, ["{0}/none"]),
        (assess.main, 2, ["{0}/none", "--slice-config-out", "{0}/none.csv"]),
        (reconstruct.main, 2, ["{0}/none"]),
        (apply.main, 2, ["{0}/none", "{0}/none"]),
        (deployments_validate.main, 2, ["{0}/none"]),
    ],
)
def test_what_a_command_prints(
    acquisition: Path, capsys: pytest.CaptureFixture[str], main: Main, code: int, arguments: list[str]
) -> None:
    words = [word.format(acquisition, ODD) for word in arguments]
    assert main(words) == code
    said = "".join(capsys.readouterr())
    assert SHOWN in said
    assert not {c for c in said if not c.isprintable()} - {"\n"}


def test_a_name_that_is_no_text_is_shown_too(capsys: pytest.CaptureFixture[str]) -> None:
    say("mou\nse\udcff")
    assert capsys.readouterr().out == "mou\\nse\\udcff\n"
