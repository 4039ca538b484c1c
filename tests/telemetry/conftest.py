from tests.cli.conftest import (  # noqa: F401
    _own_git_configuration,
    desk,
    fresh,
    held,
    keys,
    laid_out,
    shipped,
    waiting,
)
