"""`serve`: the board, with Dagster's web UI beside it."""

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import pydantic
import typer
from pydantic_settings import SettingsError

from deploy_orchestrator.cli.installation import NotSetUp, described, opened
from deploy_orchestrator.cli.logs import log_as_set
from deploy_orchestrator.cli.metrics import serving_metrics
from deploy_orchestrator.errors import Place
from deploy_orchestrator.settings import SignInSettings, secret_in, secret_of
from deploy_orchestrator.storage import write_whole

if TYPE_CHECKING:
    from deploy_orchestrator.web import SignIn

MIN_KEY: Final = 32
_VARIABLE: Final = "DEPLOY_ORCHESTRATOR_SIGN_IN_"


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on, on this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 3000,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Another name that browsers know this server by. Again for each."),
    ] = None,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", help="Serve Dagster's web UI of this file, too."),
    ] = None,
    act_as: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            metavar="FOLDER",
            help="In the sandbox: decide on the board as the people whose keys are in this folder.",
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Serve /metrics for Prometheus on this port, too."),
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="The address for /metrics.")] = "127.0.0.1",
) -> None:
    """Serve the board: what needs somebody, how everything stands, and why.

    With -w Dagster's own web UI is below /dagster. People sign in with the OpenID providers of the file that
    DEPLOY_ORCHESTRATOR_SIGN_IN_FILE names. Without one it listens to this machine alone, and whoever should
    see it from elsewhere comes through a proxy that signs people in, which knows this server by a --name.
    Requests that another site's page makes, to other names, or that ask GraphQL by GET, are refused.

    Metrics are on a port of their own. Who reads them shows the token in DEPLOY_ORCHESTRATOR_METRICS_TOKEN,
    or in the file that DEPLOY_ORCHESTRATOR_METRICS_TOKEN_FILE names; without one only this machine reads
    them.
    """
    from deploy_orchestrator.pipeline import look
    from deploy_orchestrator.web import LOOPBACK, ActingAs, SurveyPage, Watch, site, site_server

    settings = described()
    sign_in = _sign_in(settings.home)
    if sign_in is None and host not in LOOPBACK:
        raise NotSetUp(
            f"nobody signs in here, so that {host} would let everybody in",
            fix=f"say who signs in with {_VARIABLE}FILE, or listen on 127.0.0.1 with a proxy before it that "
            "signs people in",
        )
    if act_as and (sign_in or name or settings.engine != "sandbox"):
        raise NotSetUp(
            "whoever reaches the board would decide as others",
            place=Place("--act-as"),
            fix="leave it out: it is for the sandbox on this machine alone, where nobody signs in",
        )
    orchestrator = opened(context)
    dagster, surveyed = None, SurveyPage
    if workspace:
        from deploy_orchestrator.web import dagster_survey, dagster_ui

        dagster = context.with_resource(dagster_ui(workspace))
        surveyed = context.with_resource(dagster_survey())
    watch = Watch(lambda: look(orchestrator, settings.home))
    known = urlsplit(sign_in.file.url).hostname if sign_in else None
    names = LOOPBACK | {*(name or ()), *filter(None, [known])}
    if metrics_port is not None:
        context.with_resource(serving_metrics(watch, orchestrator, workspace, metrics_host, metrics_port))
    acting_as = ActingAs.of_folder(act_as, orchestrator) if act_as else None
    server = site_server(site(watch, orchestrator, dagster, names, sign_in, acting_as, surveyed), host, port)
    log_as_set()
    server.run()


def _sign_in(home: Path) -> "SignIn | None":
    """Sign-in as the environment describes it; None where it says nothing of it.

    Raises:
        NotSetUp, SignInRefused, DocumentError: what it says cannot be used.
    """
    try:
        settings = SignInSettings()
    except SettingsError:
        raise NotSetUp("it is no JSON object", place=Place(f"{_VARIABLE}SECRETS")) from None
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise NotSetUp(first["msg"], place=Place(f"{_VARIABLE}{str(first['loc'][0]).upper()}")) from None
    if settings.file is None:
        if f"{_VARIABLE}FILE" in os.environ:
            raise NotSetUp(
                "it names no file, so that nobody would sign in",
                place=Place(f"{_VARIABLE}FILE"),
                fix="name the file, or unset it",
            )
        return None
    from deploy_orchestrator.registries import ANYWHERE, Internet
    from deploy_orchestrator.web import SignIn, read_sign_in

    given = {name: each.get_secret_value() for name, each in settings.secrets.items()}
    file = read_sign_in(settings.file, given)
    for name in file.clients():
        path = settings.secrets_folder and settings.secrets_folder / name
        if path and path.exists():
            given.setdefault(name, secret_of(None, path) or "")
    key = secret_in(settings.key_file) if settings.key_file else _own_key(home / "sign-in.key")
    if len(key.strip()) < MIN_KEY:
        raise NotSetUp(
            f"what cookies are signed with has {len(key.strip())} bytes, and needs {MIN_KEY} or more",
            place=Place(f"{_VARIABLE}KEY_FILE"),
            fix="make one with `openssl rand -hex 32`",
        )
    web = Internet(ANYWHERE.naming(*(each.issuer for each in file.issuers)))
    return SignIn(file, given, key.strip(), web)


def _own_key(path: Path) -> bytes:
    """The key that is kept at `path`, made where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, secrets.token_hex(MIN_KEY).encode(), durable=True)
    return secret_in(path)
