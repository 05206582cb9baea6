"""How to sign in."""

from fastapi import APIRouter

from ..models_auth import AuthConfig
from .common import ServicesDep

router = APIRouter(prefix="/api/v1/auth", tags=["access"])


@router.get("/config")
async def auth_config(parts: ServicesDep) -> AuthConfig:
    """Say how people sign in here; needs no key."""
    oidc = None if parts.oidc is None else await parts.oidc.config()
    return AuthConfig(api_key=True, oidc=oidc)
