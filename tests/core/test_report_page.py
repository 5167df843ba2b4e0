"""The report as a page: whole, self-contained, accessible, honest about what is missing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from html_page import flaws, parsed
from reported_run import run_stages

from schemas.run_record import ErrorRecord, RunRecord, TaskRecord
from schemas.simulation import SimulationSettings
from soct_core import slice_config
from soct_core.errors import RecordError
from soct_core.report import flickers
from soct_core.report.group import render_group
from soct_core.report.methods_text import methods_of
from soct_core.report.page import render
from soct_core.report.run_data import read_run
from soct_core.report.viewer_layers import layers_of
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate
from soct_core.stages import register_pair
from soct_core.stages.render_report import render_again
from soct_core.volume import open_volume
from soct_core.volume.writing import write_image

SIZE = (40.0, 50.0, 50.0)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunRecord]:
    """An interpolated slice (02), a double gap (05, 06), a hard skip (09), a doubted slice (11)."""
    acquisition = tmp_path_factory.mktemp("report") / "mouse"
    phantom = PhantomVolume(Phantom.seeded(7), (14 * 5, 128, 144), SIZE)
    simulate(phantom, SIZE, SimulationSettings(missing=(2, 5, 6, 9), drift_px=2.0, seed=3), acquisition, "")
    below = open_volume(acquisition / "slice_z10.ome.zarr")
    agarose = np.random.default_rng(0).normal(600, 30, below.shape).astype(below.dtype)
    write_image(acquisition / "slice_z10.ome.zarr", agarose, SIZE)
    config = acquisition / "slice_config.csv"
    slice_config.stamp(config, acquisition / "new.csv", 11, auto_excluded=True, notes=HOSTILE)
    (acquisition / "new.csv").replace(config)
    record = run_stages(acquisition)
    return acquisition / "reconstruction", record


def test_the_page_is_whole_and_loads_nothing(finished: tuple[Path, RunRecord]) -> None:
    page = render(*finished)
    assert flaws(page) == []
    assert len(page) < 3_000_000


def test_it_shows_every_slot_as_what_it_is(finished: tuple[Path, RunRecord]) -> None:
    root = parsed(render(*finished))
    (line,) = [e for e in root.all("ol") if e.attributes.get("class") == "slots"]
    kinds = {e.says().split()[0].rstrip("*"): e.attributes["class"] for e in line.all("li")}
    assert kinds["00"] == "k-measured"
    assert kinds["02"] == "k-interpolated"
    assert kinds["09"] == "k-hard_skip"
    assert kinds["05"] == kinds["06"] == "k-excluded"
    assert "11*" in line.says()


def test_it_shows_gates_pictures_and_pairs(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    root = parsed(render(output, record))
    articles = {e.attributes["id"]: e for e in root.all("article") if "id" in e.attributes}
    assert set(articles) == {"gap-02", "gap-09"}
    assert "min_post_correlation" in articles["gap-02"].says()
    assert len(articles["gap-02"].all("img")) == 6
    assert "no_foreground_planes" in articles["gap-09"].says()
    assert len(articles["gap-09"].all("img")) == 2, "its two sides, and nothing between"
    cards = [e for e in root.all("article") if e.attributes.get("class") == "card"]
    assert len(cards) == len(read_run(output, record).pairs)
    assert all(len(card.all("img")) == 3 for card in cards)
    assert sum("reslice" in e.attributes.get("aria-label", "") for e in root.all("svg")) == 2
    assert any("Carpet" in e.says() for e in root.all("svg"))


def test_text_from_files_is_never_markup(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    hostile = record.model_copy(
        update={
            "acquisition": HOSTILE,
            "command": HOSTILE,
            "warnings": (HOSTILE,),
            "errors": (ErrorRecord(name=HOSTILE, message=HOSTILE, traceback=HOSTILE),),
        }
    )
    page = render(output, hostile)
    assert "&lt;script&gt;" in page
    assert flaws(page) == []


def test_a_failed_run_shows_what_there_is(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    outputs = tuple(o for o in record.outputs if not o.path.startswith("stack/"))
    failed = record.model_copy(
        update={
            "outcome": "failed",
            "outputs": outputs,
            "tasks": (TaskRecord(name="stack", state="Failed", cached=False, seconds=1.0, reason="full"),),
            "errors": (ErrorRecord(name="stack", message="disk full", traceback="Traceback: line 7"),),
        }
    )
    page = render(output, failed)
    assert flaws(page) == []
    root = parsed(page)
    assert "This run wrote no volume" in root.says(), "that of an earlier run is not this run's"
    (folded,) = [e for e in root.all("details") if e.attributes.get("class") == "err"]
    assert "Traceback: line 7" in folded.says()
    assert "open" not in folded.attributes


def test_a_run_that_made_nothing_has_a_report_too(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    page = render(output, record.model_copy(update={"outcome": "failed", "outputs": (), "inputs": ()}))
    assert flaws(page) == []


def test_what_cannot_be_read_is_named(finished: tuple[Path, RunRecord], tmp_path: Path) -> None:
    output, record = finished
    copy = tmp_path / "copy"
    shutil.copytree(output, copy)
    (copy / "stack" / "reportlet.json").write_text("{}")
    (copy / "register_pairwise" / "slice_z00_z01" / "reportlet.json").unlink()
    page = render(copy, record)
    assert flaws(page) == []
    root = parsed(page)
    assert root.says().count("Could not be read") == 2
    assert "no reslices were left" in root.says()


def test_pictures_give_way_before_the_page_grows_too_large(
    finished: tuple[Path, RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flickers, "MOST_PICTURE_CHARACTERS", 60_000)
    groups = flickers.pair_groups(read_run(*finished))
    pairs = [pair for group in groups for pair in group.pairs]
    assert 0 < sum(pair.flicker.size for pair in pairs if pair.flicker) <= 60_000
    assert any(pair.left_out for pair in pairs)
    assert not groups[0].pairs[0].left_out, "suspects come first"


def test_a_reportlet_that_fails_costs_no_result(
    finished: tuple[Path, RunRecord], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from soct_core.run.plan import Planner

    output, record = finished
    planner = Planner.of(output.parent, tmp_path / "out", record.settings, None, False)
    (_, job) = planner.pair_jobs([])[0]
    whole = register_pair.run(job)

    def broken(compared: object) -> None:
        raise RuntimeError("no pictures today")

    monkeypatch.setattr(register_pair, "pair_reportlet", broken)
    without = register_pair.run(job)
    assert without.confidence == whole.confidence
    assert {p.name for p in whole.written} - {p.name for p in without.written} == {"reportlet.json"}
    assert not (without.directory / "reportlet.json").exists(), "an old one would lie"


def test_the_methods_say_what_was_done_and_no_more(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    methods = methods_of(read_run(output, record))
    text = " ".join(methods.paragraphs)
    assert text.startswith("10 slices of nominally 200 µm")
    assert "Of two single gaps one was filled" in text
    assert "one left empty (no_foreground_planes: 1)" in text
    assert "at most 100 iterations" in text
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


def test_the_report_is_rendered_from_disk_alone(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    assert render_again(output).read_text() == render(output, record)


def test_the_group_page_leads_to_the_reports(finished: tuple[Path, RunRecord], tmp_path: Path) -> None:
    output, _ = finished
    render_again(output)
    page = tmp_path / "pages" / "group.html"
    html = render_group([output, output.parent], page)
    hrefs = {e.attributes["href"] for e in parsed(html).all("a") if not e.attributes["href"].startswith("#")}
    assert len(hrefs) == 1
    assert (page.parent / hrefs.pop()).resolve() == (output / "report.html").resolve()
    rest = [flaw for flaw in flaws(html) if "leads to" not in flaw]
    assert rest == []


def test_the_group_page_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"run\.json"):
        render_group([tmp_path], tmp_path / "g.html")


def test_a_viewer_gets_the_volume_and_the_slices_side_by_side(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    volume, label, *slices = layers_of(output)
    assert (volume.kind, label.kind) == ("image", "labels")
    assert [level.shape for level in volume.levels] == [level.shape for level in label.levels]
    names = {layer.name: layer for layer in slices}
    assert len(names) == len(read_run(output, record).used) + 1
    right = volume.translation_um[2] + volume.levels[0].shape[2] * volume.scale_um[2]
    assert all(layer.translation_um[2] > right for layer in slices)
    assert names["interpolated 02"].translation_um[0] == 400.0
    assert names["slice 07"].translation_um[0] == 1400.0


def test_napari_shows_every_layer_at_its_place(finished: tuple[Path, RunRecord]) -> None:
    components = pytest.importorskip("napari.components", reason="napari is an extra")
    from flows.view import add_layer, contrast

    viewer = components.ViewerModel()
    layers = layers_of(finished[0])
    for layer in layers:
        add_layer(viewer, layer, contrast(layers[0]))
    assert len(viewer.layers) == len(layers)
    volume, slice_07 = viewer.layers["volume"], viewer.layers["slice 07"]
    assert volume.extent.world[1][0] == pytest.approx(14 * 200 - 40), "from centre to centre"
    assert slice_07.extent.world[0][0] == 1400
    assert slice_07.extent.world[0][2] > volume.extent.world[1][2]
