"""The systems whose picture goes through livekit-server: ours, and two ways to feed it."""

import datetime
import json
import os
import secrets
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, ClassVar

from livekit import api

from bench.browser import Browser, Viewer
from bench.procs import Child, SystemFailedError
from bench.systems.base import System, wait_for, wait_port
from support.livekit import LiveKitServer, free_ports, livekit_server

TESTS = Path(__file__).resolve().parents[2]
SESSION = "bench"
GONE_S = 30.0
TTL = datetime.timedelta(minutes=10)
AGENT_SOURCES = ["screen_share", "screen_share_audio", "microphone"]


class LiveKitSystem(System):
    """A publisher, the real SFU, and viewers through livekit-client."""

    program: ClassVar[str]
    sfu: LiveKitServer
    publisher: Child
    published_s: float

    def command(self) -> list[str]:
        """Return the publisher's command line."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return what the publisher gets in its environment."""
        return {"LIVEKIT_URL": self.sfu.url, "LIVEKIT_TOKEN": self.agent_token()}

    async def start(self) -> None:
        """Start the SFU, make the room, start the publisher and wait for its track."""
        self.sfu = self.stage.stack.enter_context(
            livekit_server(self.stage.directory, log_level="warn")
        )
        self.sfu.create_room(SESSION)
        self.start_publisher()

    def start_publisher(self) -> None:
        """Start the publisher; `published_s` is the time until the SFU has its track."""
        began = time.monotonic()
        self.publisher = self.stage.run(self.program, self.command(), self.environment())
        wait_for(self.has_track, f"{self.program} published nothing", self.publisher)
        self.published_s = time.monotonic() - began

    def wait_gone(self) -> None:
        """Wait until the SFU has let a stopped publisher's track go; raises SystemFailedError."""
        deadline = time.monotonic() + GONE_S
        while self.has_track():
            if time.monotonic() > deadline:
                raise SystemFailedError(f"the track is still in the room {GONE_S} s after the stop")
            time.sleep(0.1)

    def agent_token(self) -> str:
        """Return the grant that the shim gives an agent, and no more."""
        grants = api.VideoGrants(
            room_join=True,
            room=SESSION,
            can_publish=True,
            can_publish_sources=AGENT_SOURCES,
            can_publish_data=True,
            can_subscribe=True,
            can_update_own_metadata=True,
        )
        return self._token(f"agent-{SESSION}", grants)

    def viewer_token(self) -> str:
        """Return an observer's grant."""
        grants = api.VideoGrants(
            room_join=True,
            room=SESSION,
            can_publish=False,
            can_publish_data=False,
            can_subscribe=True,
        )
        return self._token(f"viewer-{secrets.token_hex(12)}", grants)

    def _token(self, identity: str, grants: api.VideoGrants) -> str:
        token = api.AccessToken(self.sfu.api_key, self.sfu.api_secret).with_identity(identity)
        return token.with_ttl(TTL).with_grants(grants).to_jwt()

    def participants(self) -> list[dict[str, object]]:
        """Return the SFU's view of the room."""
        grants = api.VideoGrants(room_admin=True, room=SESSION)
        token = api.AccessToken(self.sfu.api_key, self.sfu.api_secret).with_grants(grants).to_jwt()
        request = urllib.request.Request(
            f"{self.sfu.http_url}/twirp/livekit.RoomService/ListParticipants",
            data=json.dumps({"room": SESSION}).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            found: list[dict[str, object]] = json.load(answer).get("participants", [])
            return found

    def has_track(self) -> bool:
        """Say whether the publisher's track is in the room."""
        return any(participant.get("tracks") for participant in self.participants())

    async def show(self, viewer: Viewer) -> None:
        """Join as the first viewer."""
        await open_page(viewer)
        await self.join(viewer)

    async def join(self, viewer: Viewer) -> dict[str, float]:
        """Join with a token of the benchmark's own; return when each step was done."""
        steps: dict[str, float] = await viewer.evaluate(
            "([url, token]) => joinRoom(url, token, true)", [self.sfu.url, self.viewer_token()]
        )
        return steps

    async def add_viewers(self, browser: Browser, viewer: Viewer, count: int) -> None:
        """Add peer connections in the same page, which receive and decode but show nothing."""
        for _ in range(count):
            await viewer.evaluate(
                "([url, token]) => joinRoom(url, token, false)", [self.sfu.url, self.viewer_token()]
            )

    async def leave(self, browser: Browser, viewer: Viewer) -> None:
        """Disconnect every room of the page."""
        await viewer.evaluate("() => leaveAll()")

    def groups(self) -> dict[str, list[int]]:
        """Return the publisher and the SFU."""
        return {"agent": [self.publisher.pid], "sfu": [self.sfu.process.pid]}

    def check(self) -> None:
        """Raise SystemFailedError if the publisher has died."""
        self.publisher.check()

    def facts(self) -> dict[str, object]:
        """Return how long the publisher took to be in the room."""
        return {"start_to_published_s": round(self.published_s, 3)}


class _Reference(LiveKitSystem):
    """One of the benchmark's own publishers."""

    kind: ClassVar[str]
    program = "publisher"

    def fps(self) -> int:
        return self.stage.fps

    def command(self) -> list[str]:
        stage = self.stage
        return [
            *(sys.executable, "-m", "bench.publisher", self.kind),
            *("--size", stage.size, "--fps", str(self.fps())),
            *("--bitrate", str(stage.bitrate_bps)),
        ]

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "PYTHONPATH": str(TESTS)}


class Raw(_Reference):
    """What an SDK user writes first: pictures into `rtc.VideoSource`, libwebrtc encodes."""

    name = "raw"
    title = "raw VideoSource"
    kind = "raw"


class Clock30(_Reference):
    """libx264 and pass-through as ours, but fed by a fixed clock of 30 pictures a second."""

    name = "clock30"
    title = "libx264, 30 fps clock"
    kind = "clock"

    def fps(self) -> int:
        return 30


class Sessioncast(LiveKitSystem):
    """`sessioncast agent` with a token from the environment, without a shim."""

    name = "sessioncast"
    title = "sessioncast"
    program = "agent"

    def command(self) -> list[str]:
        stage = self.stage
        return [
            *agent_command(),
            *("--session", SESSION, "--display", stage.display.name),
            *("--livekit-url", self.sfu.url, "--fps", str(stage.fps)),
            *("--max-bitrate", str(stage.bitrate_bps), "--http-port", "0"),
        ]


class SessioncastShim(Sessioncast):
    """The same with the shim: viewers come by an offer, which wakes the agent (`shim.expect`)."""

    shim: Child
    url: str
    _key: str
    _credential: str

    async def start(self) -> None:
        """Start SFU, shim and agent as the docs tell a user to."""
        self.sfu = self.stage.stack.enter_context(
            livekit_server(self.stage.directory, log_level="warn")
        )
        (port,) = free_ports(1)
        self.url, self._key = f"http://127.0.0.1:{port}", secrets.token_hex(24)
        program = Path(sys.executable).parent / "sessioncast-signaling"
        self.shim = self.stage.run(
            "shim",
            [str(program), "serve", "--host", "127.0.0.1", "--port", str(port)],
            {**self.sfu.env, "SESSIONCAST_API_KEY": self._key},
        )
        wait_port(port, self.shim)
        made = self._post("/api/v1/sessions", {"session": SESSION})
        self._credential = made["agent"]["credential"]
        self.start_publisher()

    def command(self) -> list[str]:
        stage = self.stage
        return [
            *agent_command(),
            *("--session", SESSION, "--display", stage.display.name),
            *("--signaling-url", self.url, "--fps", str(stage.fps)),
            *("--max-bitrate", str(stage.bitrate_bps), "--http-port", "0"),
        ]

    def environment(self) -> dict[str, str]:
        return {"AGENT_CREDENTIAL": self._credential}

    def offer(self) -> tuple[str, str]:
        """Ask the shim for a viewer's place; return the SFU's address and the token."""
        made = self._post(f"/api/v1/sessions/{SESSION}/webrtc/offer", {})
        return made["server_url"], made["participant_token"]

    @property
    def key(self) -> str:
        """The API key of its shim."""
        return self._key

    def _post(self, path: str, body: object) -> Any:
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except OSError as error:
            raise SystemFailedError(
                f"POST {path}: {error}; the shim's log: {self.shim.tail()}"
            ) from None


async def open_page(viewer: Viewer) -> None:
    """Open the viewer page, ready to join."""
    await viewer.goto(f"{viewer.pages_url}/viewer")
    await viewer.page.wait_for_function("() => !!window.joinRoom", timeout=15_000)


def agent_command() -> list[str]:
    """Return how to run the agent: SESSIONCAST_AGENT, or the one beside this Python."""
    named = os.environ.get("SESSIONCAST_AGENT")
    if named:
        return named.split()
    return [str(Path(sys.executable).parent / "sessioncast"), "agent"]
