"""The shim: `sessioncast-signaling serve` as a child, and the requests that the demo makes."""

from dataclasses import dataclass
from typing import Any

import aiohttp

from sessioncast_agent.demo.crew import Crew
from sessioncast_agent.demo.errors import CannotDemo, DemoError
from sessioncast_agent.demo.process import Child, Program
from sessioncast_agent.demo.sfu import Sfu
from sessioncast_agent.demo.workspace import Workspace, free_port, require_programs

USUAL_PORT = 8080
WEBHOOK_PATH = "/api/v1/livekit/webhook"
_START_LIMIT_S = 30.0
_LINK_TTL_S = 24 * 3600
_LINK_USES = 1000


@dataclass(frozen=True)
class Shim:
    """A running shim."""

    child: Child
    url: str
    api_key: str
    http: aiohttp.ClientSession

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        try:
            async with self.http.request(
                method, f"{self.url}/api/v1{path}", json=body, headers=headers
            ) as response:
                if response.ok:
                    return await response.json()
                text = (await response.text())[:300]
                raise DemoError(f"signaling answered {response.status} to {method} {path}: {text}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self.child.failure(f"did not answer {method} {path} ({error!r})") from error

    async def create_session(self, session: str, kind: str) -> str:
        """Create the session; give the agent's credential."""
        created = await self._call("POST", "/sessions", {"session": session, "kind": kind})
        return str(created["agent"]["credential"])

    async def join_link(self, session: str) -> str:
        """Make a link that lets its holder in as an operator."""
        body = {"role": "operator", "ttl_seconds": _LINK_TTL_S, "max_uses": _LINK_USES}
        return str((await self._call("POST", f"/sessions/{session}/join-links", body))["url"])

    async def state(self, session: str) -> str:
        """Ask what the session is doing."""
        return str((await self._call("GET", f"/sessions/{session}"))["state"])


def choose_port(port: int | None) -> int:
    """Return the port that the shim will have: the SFU must know it first. Raises CannotDemo."""
    if port is not None and free_port(wish=port) != port:
        raise CannotDemo(f"port {port} is taken; give another --port, or none to take a free one.")
    return port or free_port(wish=USUAL_PORT)


async def start_shim(
    workspace: Workspace, crew: Crew, sfu: Sfu, http: aiohttp.ClientSession, port: int
) -> Shim:
    """Start the shim and wait until it is ready."""
    programs = require_programs("sessioncast-signaling")
    url = f"http://127.0.0.1:{port}"
    env = workspace.base_env() | {
        "LIVEKIT_URL": sfu.url,
        "LIVEKIT_API_KEY": workspace.livekit_key,
        "LIVEKIT_API_SECRET": workspace.livekit_secret,
        "PUBLIC_URL": url,
        "SESSIONCAST_API_KEY": workspace.api_key,
    }
    argv = [programs["sessioncast-signaling"], "serve", "--host", "127.0.0.1", "--port", str(port)]
    child = await crew.start(Program(name="signaling", argv=argv, env=env))

    async def ready() -> bool | None:
        try:
            async with http.get(f"{url}/readyz") as response:
                return response.status == 200 or None
        except (aiohttp.ClientError, TimeoutError):
            return None

    await child.until(ready, "become ready", _START_LIMIT_S)
    return Shim(child, url, workspace.api_key, http)
