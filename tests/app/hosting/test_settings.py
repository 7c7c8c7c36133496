"""Settings read from the environment."""

import pytest

from app.hosting.settings import Settings
from ioi_core.errors import SettingsError


def test_settings_have_defaults_and_refuse_what_makes_no_sense():
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment({"IOI_MAX_PROMPTS": " 50 "}).max_prompts == 50
    for value in ("many", "-1", "0", "1e3", "99999999999999999999", "5.5", "²"):
        with pytest.raises(SettingsError, match="IOI_MAX_PROMPTS"):
            Settings.from_environment({"IOI_MAX_PROMPTS": value})
