"""A Chromium without a screen, where this machine has one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

_PROGRAM = shutil.which("chromium") or shutil.which("google-chrome") or ""

needs_chromium = pytest.mark.skipif(not _PROGRAM, reason="no Chromium on this machine")


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_PROGRAM, args=["--no-sandbox"])
        yield browser
        browser.close()
