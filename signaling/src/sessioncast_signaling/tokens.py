"""LiveKit tokens: (session, role) in, JWT out. Pure.

Every grant is written out, since the SDK's defaults let a viewer publish media and data. No token
made here can create a room, administer one, or hide.
"""

from dataclasses import dataclass
from datetime import timedelta

from livekit import api

from .ids import agent_identity
from .roles import Actor, Role

# The SFU checks expiry only when somebody connects; a token cannot be called back before it.
TOKEN_TTL_S = 300


@dataclass(frozen=True)
class TokenMinter:
    """Signs tokens with the API key of the SFU."""

    api_key: str
    api_secret: str

    def __repr__(self) -> str:
        return f"TokenMinter(api_key={self.api_key!r})"

    def viewer(self, session: str, *, identity: str, role: Role, actor: Actor, name: str) -> str:
        """Return the token of one viewer of one session, valid for TOKEN_TTL_S seconds."""
        return self._mint(
            identity=identity,
            name=name,
            attributes={"role": role.value, "actor": actor.value},
            grants=viewer_grants(session, role),
        )

    def agent(self, session: str) -> str:
        """Return the token of the session's own agent, valid for TOKEN_TTL_S seconds."""
        return self._mint(
            identity=agent_identity(session),
            name="",
            attributes={},
            grants=agent_grants(session),
        )

    def _mint(
        self, *, identity: str, name: str, attributes: dict[str, str], grants: api.VideoGrants
    ) -> str:
        token = (
            api.AccessToken(self.api_key, self.api_secret)
            .with_identity(identity)
            .with_kind("standard")  # a dependent kind would be thrown out with the last viewer
            .with_ttl(timedelta(seconds=TOKEN_TTL_S))
            .with_grants(grants)
        )
        if name:
            token = token.with_name(name)
        if attributes:
            token = token.with_attributes(attributes)
        return token.to_jwt()


def viewer_grants(session: str, role: Role) -> api.VideoGrants:
    """Return what a viewer may do: observers only look; the others may also speak and steer."""
    takes_part = role is not Role.OBSERVER
    return _grants(
        session,
        publish_sources=["microphone"] if takes_part else [],
        data=takes_part,
        own_metadata=False,
    )


def agent_grants(session: str) -> api.VideoGrants:
    """Return what the agent may do: publish its three tracks, data, and its own state."""
    return _grants(
        session,
        publish_sources=["screen_share", "screen_share_audio", "microphone"],
        data=True,
        own_metadata=True,
    )


def _grants(
    session: str, *, publish_sources: list[str], data: bool, own_metadata: bool
) -> api.VideoGrants:
    return api.VideoGrants(
        room=session,
        room_join=True,
        room_create=False,
        room_list=False,
        room_record=False,
        room_admin=False,
        destination_room="",
        can_subscribe=True,
        can_publish=bool(publish_sources),
        can_publish_sources=publish_sources,
        can_publish_data=data,
        can_update_own_metadata=own_metadata,
        can_manage_agent_session=False,
        can_subscribe_metrics=False,
        ingress_admin=False,
        hidden=False,
        recorder=False,
        agent=False,
    )
