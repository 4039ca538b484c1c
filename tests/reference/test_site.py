"""The documentation builds as a site."""

import logging
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT = Path(__file__).parents[2]


def test_the_site_builds_without_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path))
    with caplog.at_level(logging.WARNING, "mkdocs"):
        build(config)
    assert [record.getMessage() for record in caplog.records] == []
    outside = [
        page.relative_to(tmp_path)
        for page in tmp_path.rglob("*.html")
        for tag in ('<script src="http', '<link rel="stylesheet" href="http', '<img src="http')
        if tag in page.read_text()
    ]
    assert outside == [], "these pages load something from elsewhere"
