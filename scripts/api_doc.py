#!/usr/bin/env python3
"""Writes docs/api.md from the shim's OpenAPI document; a test checks that it is current."""

import json
from pathlib import Path
from typing import Any

from sessioncast_signaling.app import create_app
from sessioncast_signaling.config import Settings

TARGET = Path(__file__).resolve().parents[1] / "docs" / "api.md"
EXAMPLES = {"session": "demo", "link_id": "jl-0a1b2c3d4e5f", "ban": "ban-5d41402abc4b2a76"}
TITLES = {
    "sessions": "Sessions",
    "access": "Ways in",
    "people": "People who are there",
    "events": "News",
    "agent": "The agent",
    "time": "Time",
    "operation": "Operation",
}
HEAD = """\
# HTTP API

<!-- Written by `make api-doc` from the OpenAPI document, which a running shim serves at
     /api/v1/openapi.json. Do not edit. -->

JSON, snake_case, times RFC 3339 in UTC, lists as `{items, next}` (`?limit=` and `?cursor=`), errors
as problem details (RFC 9457) with a stable `type`, `429` and `503` with `Retry-After`.
`Authorization: Bearer` takes an API key (`sessioncast-signaling keys create`), the token of an
OpenID Connect server, or a join link's grant; [security.md](security.md) says what each may do. In
Python, `sessioncast_signaling.client.Client` has a typed method for each of these. LiveKit's
`TokenSource` and a body with an SDP `offer` work against `webrtc/offer` too: a token takes the
place of SDP.

```sh
export API=https://cast.example KEY=…   # where the shim is, and an API key
```
"""


def document() -> dict[str, Any]:
    """Return the OpenAPI document of an app with nothing configured."""
    settings = Settings(
        LIVEKIT_URL="ws://127.0.0.1:7880", LIVEKIT_API_KEY="x", LIVEKIT_API_SECRET="x" * 32
    )
    app = create_app(settings, public_url="https://cast.example", api_key="x" * 16)
    return dict(app.openapi())


def text() -> str:
    """Return the page."""
    found = document()
    schemas = found["components"]["schemas"]
    sections: dict[str, list[str]] = {}
    for path, item in found["paths"].items():
        for method, operation in item.items():
            tag = operation.get("tags", ["other"])[-1]
            sections.setdefault(tag, []).append(_operation(method, path, operation, schemas))
    order = [*TITLES, *sorted(set(sections) - set(TITLES))]
    parts = [HEAD]
    for tag in order:
        if tag in sections:
            parts += [f"\n## {TITLES.get(tag, tag.capitalize())}\n", *sections[tag]]
    parts.append(_fields(schemas))
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    lines = [f"### {method.upper()} `{path}`", "", operation["description"], ""]
    for parameter in operation.get("parameters", ()):
        if parameter["in"] in {"query", "header"} and parameter.get("description"):
            name = parameter["name"]
            shown = f"?{name}=" if parameter["in"] == "query" else name.title()
            lines.append(f"- `{shown}` {parameter['description']}")
    if lines[-1]:
        lines.append("")
    lines += ["```sh", _curl(method, path, operation, schemas), "```", ""]
    for status, answer in operation["responses"].items():
        if status >= "300":
            continue
        shown = _example(next(iter(answer.get("content", {}).values()), {}), schemas)
        if isinstance(shown, str):
            lines += [f"{status}:", "", "```", shown.rstrip("\n"), "```", ""]
        elif shown is not None:
            lines += [f"{status}:", "", "```json", _json(shown), "```", ""]
        else:
            lines += [f"{status}: {answer['description']}", ""]
    problems = [status for status in operation["responses"] if status >= "400"]
    if problems:
        lines += [f"Problems: {', '.join(sorted(problems))}.", ""]
    return "\n".join(lines)


def _curl(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            name = parameter["name"]
            value = EXAMPLES.get(name) or (parameter["schema"].get("examples") or [name])[0]
            path = path.replace(f"{{{name}}}", str(value))
    line = ["curl"]
    if method != "get":
        line.append(f"-X {method.upper()}")
    if path.endswith("/events"):
        line.append("-N")
    line.append(f'"$API{path}"')
    schemes = {name for one in operation.get("security", ()) for name in one}
    if schemes:
        key = "$AGENT_CREDENTIAL" if "agent" in schemes else "$KEY"
        line.append(f'-H "Authorization: Bearer {key}"')
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        given = json.dumps(_example(body, schemas), ensure_ascii=False)
        line += ["-H 'Content-Type: application/json'", f"-d '{given}'"]
    return " \\\n  ".join(_wrapped(line))


def _wrapped(words: list[str]) -> list[str]:
    lines, now = [], ""
    for word in words:
        if now and len(now) + len(word) > 90:
            lines.append(now)
            now = ""
        now = f"{now} {word}".strip()
    return [*lines, now]


def _example(media: dict[str, Any], schemas: dict[str, Any]) -> Any:
    if "example" in media:
        return media["example"]
    for schema in [media.get("schema", {}), *media.get("schema", {}).get("anyOf", ())]:
        name = schema.get("$ref", "").rpartition("/")[2]
        if name:
            return schemas[name].get("examples", [None])[0]
    return None


def _fields(schemas: dict[str, Any]) -> str:
    lines = ["\n## Fields that need a word", ""]
    for name, schema in sorted(schemas.items()):
        said = [
            f"- `{field}` {about['description']}"
            for field, about in schema.get("properties", {}).items()
            if about.get("description")
        ]
        if said:
            lines += [f"**{name}**", "", *said, ""]
    return "\n".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    TARGET.write_text(text(), "utf-8")
