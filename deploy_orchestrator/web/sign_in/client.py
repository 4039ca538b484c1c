"""Send somebody through a provider, and hear from it who they are: code with PKCE, state and nonce.

https://www.rfc-editor.org/rfc/rfc9700
"""

from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import quote_plus

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from deploy_orchestrator.identity import NotProved, Provider


@dataclass(frozen=True, slots=True)
class Client:
    """We, as the `provider` knows us: by the id `name`, and a `secret` where we have one. People come `back`
    to that URL.
    """

    provider: Provider
    name: str
    secret: str
    back: str
    scopes: tuple[str, ...]

    def begin(self, state: str, nonce: str, verifier: str, **asked: str) -> str:
        """Where to send somebody; what is `asked` beside goes along. Raises ProviderUnreachable."""
        return prepare_grant_uri(
            self.provider.metadata().authorization_endpoint,
            self.name,
            "code",
            redirect_uri=self.back,
            scope=" ".join(self.scopes),
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
            **asked,
        )

    def finish(self, code: str, verifier: str) -> str:
        """The ID token for the `code` that somebody came back with.

        Raises:
            NotProved: the provider gives none.
            ProviderUnreachable
        """
        metadata = self.provider.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.back,
            "code_verifier": verifier,
        }
        headers: dict[str, str] = {}
        if not self.secret or "client_secret_post" in metadata.token_endpoint_auth_methods_supported:
            form |= {"client_id": self.name} | ({"client_secret": self.secret} if self.secret else {})
        else:
            headers["Authorization"] = _basic(self.name, self.secret)
        said = self.provider.answer(metadata.token_endpoint, headers, form)
        token = said.get("id_token")
        if not isinstance(token, str):
            why = said.get("error_description") or said.get("error") or "it does not say why"
            raise NotProved(f"the provider gives no ID token: {str(why)[:200]}")
        return token


def _basic(name: str, secret: str) -> str:
    """https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1"""
    said = f"{quote_plus(name)}:{quote_plus(secret)}"
    return f"Basic {b64encode(said.encode()).decode()}"
