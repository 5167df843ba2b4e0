"""The page of an assessment: every slice has its card, suspects first; nothing is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from assessed_slices import NOTHING, acquisition, judged, phantom_slice
from html_page import Element, parsed

from schemas.assessment import QualityPageJob
from schemas.quality import QualitySettings
from soct_core.file_names import AssessmentFiles, ComparisonFiles
from soct_core.quality.compare import compare_faces
from soct_core.quality.planes import LookedAt, lower_face, pairs_to_compare, upper_face
from soct_core.report import quality_page
from soct_core.report.quality_page import render_quality, state_of
from soct_core.reportlets.quality import comparison_reportlet, slice_reportlet
from soct_core.storage.atomic import publish_text

IDS, BAD, BLANK = tuple(range(8)), 5, 7


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> QualityPageJob:
    """An assessment with pictures of one slice and one pair."""
    output = tmp_path_factory.mktemp("page")
    volume = phantom_slice()
    looked = LookedAt.of(len(volume), 50.0, QualitySettings())
    upper, lower = lower_face(volume, looked), upper_face(volume, looked)
    compared = compare_faces(upper, lower, (4, 5))
    publish_text(
        AssessmentFiles.standard(output, BAD).reportlet, slice_reportlet(volume, looked).model_dump_json()
    )
    publish_text(
        ComparisonFiles.standard(output, 4, 5).reportlet,
        comparison_reportlet(upper, lower, compared).model_dump_json(),
    )
    return QualityPageJob(
        acquisition=Path("/data/<mouse> & co"),
        config=None,
        slices=IDS,
        pairs=pairs_to_compare(IDS),
        exclude=True,
        output=output,
    )


@pytest.fixture(scope="module")
def page(job: QualityPageJob) -> Element:
    found = judged(*acquisition(IDS, {BLANK: NOTHING}, {BAD: 0.2, BLANK: 0.0}))
    return parsed(render_quality(job, found))


def test_every_slice_has_a_card_the_worst_first(page: Element) -> None:
    cards = [card.attributes["id"] for card in page.all("article")]
    assert sorted(cards) == [f"slice-{i:02d}" for i in IDS]
    assert cards[0] == f"slice-{BAD:02d}"
    assert cards[-1] == f"slice-{BLANK:02d}"


def test_the_bad_slice_shows_its_reason_and_its_pictures(page: Element) -> None:
    card = next(c for c in page.all("article") if c.attributes["id"] == f"slice-{BAD:02d}")
    assert "unlike slice" in card.says()
    # Three planes, and two faces of the pair that left pictures.
    assert len(card.all("img")) == 5


def test_every_bar_leads_to_its_card(page: Element) -> None:
    links = {a.attributes["href"] for a in page.all("a") if a.attributes["href"].startswith("#slice-")}
    assert links == {f"#slice-{i:02d}" for i in IDS}


def test_nothing_is_loaded_and_names_are_escaped(page: Element) -> None:
    assert page.all("script") == []
    assert all(image.attributes["src"].startswith("data:image/webp;base64,") for image in page.all("img"))
    assert "<mouse> & co" in page.all("h1")[0].says()


def test_pictures_that_tell_least_are_left_out_of_a_large_page(
    job: QualityPageJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality_page, "MOST_PICTURE_CHARACTERS", 10)
    text = render_quality(job, judged(*acquisition(IDS, pairs={BAD: 0.2})))
    assert parsed(text).all("img") == []
    assert "the page is large enough" in text


def test_states_follow_the_limits() -> None:
    found = judged(*acquisition(IDS, pairs={BAD: 0.2}))
    assert state_of(found[BAD]) == "error"
    assert state_of(found[2]) == "ok"
    assert state_of(judged(*acquisition((3,)))[3]) == "note"
