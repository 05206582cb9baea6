"""The SFU's room service behind one Protocol: deadlines on every call, errors translated here only.

livekit-api 1.2.2 has no wrapper for PerformRpc and signs its calls for six hours, so the calls go
through its Twirp client with tokens of our own: one minute, and for that call alone.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self, TypeVar

import aiohttp
from google.protobuf.message import Message
from livekit import api
from livekit.api.twirp_client import ServerError, TwirpClient
from livekit.protocol import models, room

from .errors import SfuError, SfuNotFoundError, SfuRefusedError, SfuUnavailableError
from .roles import Role

CALL_DEADLINE_S = 3.0
# The SFU keeps an empty room this long; longer than any token lives, so that a viewer who was given
# one finds the room.
EMPTY_TIMEOUT_S = 900
_CALL_TOKEN_TTL = timedelta(seconds=60)
_RPC_TIMEOUT_CODES = {"canceled", "deadline_exceeded", "unavailable"}

_RPC_ERROR = re.compile(r"RpcError (\d{1,5}): (.*)", re.DOTALL)
_RPC_LOST = {1501, 1502}  # the SDK's own: no connection, no response in time
_MAX_SENTENCE = 200

M = TypeVar("M", bound=Message)


class RpcTimeoutError(SfuError):
    """The participant did not answer the call within its deadline."""


class RpcRefusedError(SfuError):
    """The participant answered with an error: its `code` and `sentence`, where they are known."""

    def __init__(self, what: str, code: int | None = None, sentence: str = "") -> None:
        super().__init__(what)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class Participant:
    """One who is connected to a room."""

    identity: str
    name: str
    joined_at: float  # Unix seconds
    attributes: Mapping[str, str] = field(default_factory=dict)
    sid: str = ""  # one connection of it


class Sfu(Protocol):
    """What the shim needs of the SFU. Every call may raise SfuError's kinds."""

    async def ensure_room(self, name: str) -> None:
        """Make the room unless it is there."""
        ...

    async def participants(self, name: str) -> list[Participant]:
        """Return who is connected; nobody when there is no room."""
        ...

    async def delete_room(self, name: str) -> None:
        """Close the room and disconnect everybody; no error when there is none."""
        ...

    async def remove_participant(self, name: str, identity: str) -> None:
        """Disconnect one; no error when it is not there."""
        ...

    async def raise_to_operator(self, name: str, identity: str) -> None:
        """Let an observer who is connected speak and steer; raises SfuNotFoundError."""
        ...

    async def allow_data(self, name: str, identity: str, allowed: bool) -> None:
        """Take the right to send data, or give it back to one who may steer; no error when the
        participant is not there."""
        ...

    async def rooms_now(self) -> dict[str, int]:
        """Return all rooms and how many are connected to each; the numbers are seconds late."""
        ...

    async def perform_rpc(
        self, name: str, identity: str, method: str, payload: str, deadline_s: float
    ) -> str:
        """Call a participant's method; also raises RpcTimeoutError and RpcRefusedError."""
        ...

    async def ping(self) -> None:
        """Return when the SFU answers and accepts our key."""
        ...


class LiveKitSfu:
    """Obeys `Sfu` with a real livekit-server; use it as an async context manager."""

    def __init__(self, url: str, api_key: str, api_secret: str) -> None:
        self._url = url
        self._api_key = api_key
        self._api_secret = api_secret
        self._http: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"LiveKitSfu({self._url!r})"

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=CALL_DEADLINE_S),
            connector=aiohttp.TCPConnector(limit=64),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def ensure_room(self, name: str) -> None:
        """See Sfu."""
        await self._call(
            "CreateRoom",
            room.CreateRoomRequest(
                name=name, empty_timeout=EMPTY_TIMEOUT_S, departure_timeout=EMPTY_TIMEOUT_S
            ),
            models.Room,
            api.VideoGrants(room_create=True),
        )

    async def participants(self, name: str) -> list[Participant]:
        """See Sfu."""
        try:
            answer = await self._call(
                "ListParticipants",
                room.ListParticipantsRequest(room=name),
                room.ListParticipantsResponse,
                api.VideoGrants(room_admin=True, room=name),
            )
        except SfuNotFoundError:
            return []
        connected = {models.ParticipantInfo.JOINED, models.ParticipantInfo.ACTIVE}
        return [participant_of(p) for p in answer.participants if p.state in connected]

    async def delete_room(self, name: str) -> None:
        """See Sfu."""
        try:
            await self._call(
                "DeleteRoom",
                room.DeleteRoomRequest(room=name),
                room.DeleteRoomResponse,
                api.VideoGrants(room_create=True),
            )
        except SfuNotFoundError:
            return

    async def remove_participant(self, name: str, identity: str) -> None:
        """See Sfu."""
        try:
            await self._call(
                "RemoveParticipant",
                room.RoomParticipantIdentity(room=name, identity=identity),
                room.RemoveParticipantResponse,
                api.VideoGrants(room_admin=True, room=name),
            )
        except SfuNotFoundError:
            return

    async def raise_to_operator(self, name: str, identity: str) -> None:
        """See Sfu."""
        grants = api.VideoGrants(room_admin=True, room=name)
        who = room.RoomParticipantIdentity(room=name, identity=identity)
        found = await self._call("GetParticipant", who, models.ParticipantInfo, grants)
        # an update replaces every permission: all begin as they are
        permission = models.ParticipantPermission()
        permission.CopyFrom(found.permission)
        permission.can_publish = permission.can_publish_data = True
        del permission.can_publish_sources[:]
        permission.can_publish_sources.append(models.TrackSource.MICROPHONE)
        await self._call(
            "UpdateParticipant",
            room.UpdateParticipantRequest(
                room=name,
                identity=identity,
                permission=permission,
                attributes={"role": Role.OPERATOR.value},
            ),
            models.ParticipantInfo,
            grants,
        )

    async def allow_data(self, name: str, identity: str, allowed: bool) -> None:
        """See Sfu."""
        grants = api.VideoGrants(room_admin=True, room=name)
        who = room.RoomParticipantIdentity(room=name, identity=identity)
        try:
            found = await self._call("GetParticipant", who, models.ParticipantInfo, grants)
            may_steer = found.attributes.get("role") in {Role.OPERATOR.value, Role.ADMIN.value}
            if allowed and not may_steer:
                return
            permission = models.ParticipantPermission()
            permission.CopyFrom(found.permission)
            permission.can_publish_data = allowed
            update = room.UpdateParticipantRequest(
                room=name, identity=identity, permission=permission
            )
            await self._call("UpdateParticipant", update, models.ParticipantInfo, grants)
        except SfuNotFoundError:
            return

    async def rooms_now(self) -> dict[str, int]:
        """See Sfu."""
        answer = await self._call(
            "ListRooms",
            room.ListRoomsRequest(),
            room.ListRoomsResponse,
            api.VideoGrants(room_list=True),
        )
        return {found.name: found.num_participants for found in answer.rooms}

    async def perform_rpc(
        self, name: str, identity: str, method: str, payload: str, deadline_s: float
    ) -> str:
        """See Sfu."""
        answer = await self._call(
            "PerformRpc",
            room.PerformRpcRequest(
                room=name,
                destination_identity=identity,
                method=method,
                payload=payload,
                response_timeout_ms=int(deadline_s * 1000),
            ),
            room.PerformRpcResponse,
            api.VideoGrants(room_admin=True, room=name),
            deadline_s=deadline_s,
            rpc=True,
        )
        return str(answer.payload)

    async def ping(self) -> None:
        """See Sfu."""
        await self._call(
            "ListRooms",
            room.ListRoomsRequest(names=["-"]),  # no session can be called so
            room.ListRoomsResponse,
            api.VideoGrants(room_list=True),
        )

    async def _call(
        self,
        method: str,
        request: Message,
        answer: type[M],
        grants: api.VideoGrants,
        *,
        deadline_s: float = CALL_DEADLINE_S,
        rpc: bool = False,
    ) -> M:
        if self._http is None:
            raise RuntimeError("LiveKitSfu is used before it was entered")
        grants.can_publish = grants.can_subscribe = grants.can_publish_data = False
        token = (
            api.AccessToken(self._api_key, self._api_secret)
            .with_ttl(_CALL_TOKEN_TTL)
            .with_grants(grants)
            .to_jwt()
        )
        twirp = TwirpClient(self._http, self._url, "livekit", failover=False)
        try:
            async with asyncio.timeout(deadline_s):
                return await twirp.request(
                    "RoomService", method, request, {"authorization": f"Bearer {token}"}, answer
                )
        except TimeoutError:
            kind = RpcTimeoutError if rpc else SfuUnavailableError
            raise kind(f"{method}: no answer in {deadline_s} s") from None
        except aiohttp.ClientError as error:
            raise SfuUnavailableError(f"{method}: {type(error).__name__}") from None
        except ServerError as error:
            raise _translated(method, error, rpc=rpc) from None


def participant_of(info: models.ParticipantInfo) -> Participant:
    """Return what is used here of what the SFU says of somebody."""
    return Participant(
        identity=info.identity,
        name=info.name,
        joined_at=info.joined_at_ms / 1000 if info.joined_at_ms else float(info.joined_at),
        sid=info.sid,
        attributes=dict(info.attributes),
    )


def _translated(method: str, error: ServerError, *, rpc: bool) -> SfuError:
    what = f"{method}: {error.code}"
    if error.status in {401, 403} or error.code in {"unauthenticated", "permission_denied"}:
        return SfuRefusedError(what)
    if error.code == "not_found":
        return SfuNotFoundError(what)
    if rpc:
        answered = _RPC_ERROR.search(str(error.message))
        if answered is not None and int(answered[1]) not in _RPC_LOST:
            sentence = "".join(c for c in answered[2] if c.isprintable())[:_MAX_SENTENCE]
            return RpcRefusedError(what, int(answered[1]), sentence)
        return RpcTimeoutError(what) if error.code in _RPC_TIMEOUT_CODES else RpcRefusedError(what)
    return SfuUnavailableError(what)
