"""Sign in by OpenID Connect: who may enter, and as whom."""

from deploy_orchestrator.web.sign_in.configuration import (
    IssuerFile,
    SignInFile,
    SignInRefused,
    read_sign_in,
)
from deploy_orchestrator.web.sign_in.cookies import CookieTooLarge
from deploy_orchestrator.web.sign_in.guard import Guard
from deploy_orchestrator.web.sign_in.pages import ATTEMPT_SECONDS, Returned, SignIn, came_back

__all__ = [
    "ATTEMPT_SECONDS",
    "CookieTooLarge",
    "Guard",
    "IssuerFile",
    "Returned",
    "SignIn",
    "SignInFile",
    "SignInRefused",
    "came_back",
    "read_sign_in",
]
