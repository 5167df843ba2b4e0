"""Settings from a file and from overrides: taken as meant, or refused with what may be meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.settings import ReconstructSettings
from soct_core.errors import BadInputError, SettingsError
from soct_core.run.settings_file import load_settings


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("interpolation.alpha=interior", "is 'interpolation.alpha_sampling' meant?"),
        ("pairwise.alpha_sampling=interior", "is 'interpolation.alpha_sampling' meant?"),
        ("interpolation.max_iteration=9", "is 'interpolation.max_iterations' meant?"),
        ("interpolation.zzz=9", "interpolation has enabled, method, "),
        (
            "a=9",
            "there are slicing_interval_um, usable_depth_um, ngff_version, accept, orientation, input, "
            "interpolation, pairwise, stack",
        ),
        ("interpolation.min_ncc_improvment=0.1", "is 'interpolation.min_ncc_improvement' meant?"),
        ("min_ncc_improvement=0.1", "is 'interpolation.min_ncc_improvement' meant?"),
        ("slicing_interval=200", "is 'slicing_interval_um' meant?"),
    ],
)
def test_an_unknown_setting_is_told_what_may_be_meant(override: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(ReconstructSettings, overrides=[override])
    assert said in str(error.value)


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("FALSE", False)])
def test_true_and_false_however_they_are_written(text: str, value: bool) -> None:
    settings = load_settings(ReconstructSettings, overrides=[f"interpolation.preview={text}"])
    assert settings.interpolation.preview is value
    with pytest.raises(SettingsError, match=r"'interpolation\.preview': got 'yes', wanted a valid boolean"):
        load_settings(ReconstructSettings, overrides=["interpolation.preview=yes"])


def test_a_file_is_not_blamed_for_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[stack]\nz_refine = true\n")
    with pytest.raises(SettingsError, match=r"^setting 'foo' is unknown"):
        load_settings(ReconstructSettings, file, ["foo=1"])
    with pytest.raises(SettingsError, match=r"^setting 'stack': got 3, wanted settings by name"):
        load_settings(ReconstructSettings, overrides=["stack=3"])
    # Each alone would contradict a default; together they do not.
    file.write_text("[pairwise]\ntranslation_warn_px = 60.0\n")
    settings = load_settings(ReconstructSettings, file, ["pairwise.translation_error_px=80.0"])
    assert settings.pairwise.translation_warn_px == 60.0
    file.write_text("foo = 1\n")
    with pytest.raises(SettingsError, match=r"s\.toml: setting 'foo' is unknown"):
        load_settings(ReconstructSettings, file)


@settings(max_examples=500, deadline=None)
@given(name=st.text() | st.sampled_from(["stack.pyramid_um", "slicing_interval_um"]), value=st.text())
def test_any_override_is_a_setting_or_refused(name: str, value: str) -> None:
    said = ""
    try:
        load_settings(ReconstructSettings, None, [f"{name}={value}"])
    except BadInputError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1
