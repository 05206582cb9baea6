"""The bodies about signing in."""

from typing import Literal

from pydantic import BaseModel, Field

from .models import example


class OidcConfig(BaseModel):
    """What the page needs for the code flow with PKCE; it speaks with that server itself."""

    model_config = example(
        issuer="https://login.example",
        client_id="sessioncast",
        scope="openid profile",
        resource=None,
        bearer="id_token",
        authorization_endpoint="https://login.example/auth",
        token_endpoint="https://login.example/token",  # noqa: S106 - an address
        end_session_endpoint=None,
    )

    issuer: str
    client_id: str
    scope: str = Field(description="`scope` of the authorization request.")
    resource: str | None = Field(
        description="`resource` of the authorization and the token request (RFC 8707), if any."
    )
    bearer: Literal["id_token", "access_token"] = Field(
        description="Which of the tokens that it is given the page sends here as its bearer."
    )
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str | None


class AuthConfig(BaseModel):
    """How people sign in here."""

    model_config = example(api_key=True, oidc=None)

    api_key: bool = Field(description="An API key can be pasted.")
    oidc: OidcConfig | None = Field(
        description="Null when there is none, or when it does not answer now."
    )
