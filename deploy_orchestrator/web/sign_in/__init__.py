"""Sign in by OpenID Connect: who may enter, and as whom."""

from deploy_orchestrator.web.sign_in.configuration import (
    IssuerFile,
    SignInFile,
    SignInRefused,
    read_sign_in,
)
from deploy_orchestrator.web.sign_in.guard import Guard
from deploy_orchestrator.web.sign_in.pages import SignIn

__all__ = ["Guard", "IssuerFile", "SignIn", "SignInFile", "SignInRefused", "read_sign_in"]
