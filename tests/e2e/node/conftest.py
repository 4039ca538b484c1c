"""Production, installed once."""

from collections.abc import Iterator

import pytest
from production import Production, production


@pytest.fixture(scope="session", name="production")
def _production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    with production(tmp_path_factory.mktemp("production")) as installed:
        yield installed
