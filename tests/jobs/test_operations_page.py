"""docs/operations.md says what is so."""

import re

from docs.settings import PAGE, with_table
from jobs.settings import Settings


def test_every_setting_is_in_the_table_with_its_default():
    page = PAGE.read_text("utf-8")
    for name in Settings.model_fields:
        assert f"| `EVENKEEL_{name.upper()}` |" in page
    assert page == with_table(page), "run: python -m docs.settings"


def test_every_folder_of_a_home_is_explained(settings):
    explained = re.findall(r"^\| `(\w+)/", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {path.name for path in settings.home.iterdir()} <= set(explained)
