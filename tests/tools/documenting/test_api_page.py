"""The page of the API has every name, and how functions are called."""

from __future__ import annotations

import headrace
from headrace.tools.documenting.api_page import api_page


def test_every_name_is_there_by_its_import() -> None:
    page = api_page()
    for name, home in headrace._HOMES.items():
        assert f"## {name}\n\n```python\nfrom headrace import {name}\n" in page
        assert f"\n::: headrace.{home}.{name}\n" in page
    assert "\nopen_loader(path, config=None, **settings)\n" in page
    assert '\nrun_training(config, resume="")\n' in page.replace("resume=''", 'resume=""')
