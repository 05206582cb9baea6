"""The OpenAPI document is the contract: its routes, examples on every model, problems described."""

import ast
from pathlib import Path
from typing import Any

import pydantic
import pytest

import sessioncast_signaling
from sessioncast_signaling import models, models_access, models_auth, models_people
from support.shim import running_shim

pytestmark = pytest.mark.unit

SOURCE = Path(sessioncast_signaling.__file__).parent
ROUTES = {
    ("post", "/api/v1/sessions"),
    ("get", "/api/v1/sessions"),
    ("get", "/api/v1/sessions/{session}"),
    ("post", "/api/v1/sessions/{session}/narration"),
    ("delete", "/api/v1/sessions/{session}/narration/{narration}"),
    ("delete", "/api/v1/sessions/{session}"),
    ("post", "/api/v1/sessions/{session}/webrtc/offer"),
    ("post", "/api/v1/sessions/{session}/join-links"),
    ("get", "/api/v1/sessions/{session}/join-links"),
    ("get", "/api/v1/sessions/{session}/join-links/{link_id}"),
    ("delete", "/api/v1/sessions/{session}/join-links/{link_id}"),
    ("post", "/api/v1/join"),
    ("post", "/api/v1/sessions/{session}/agent/token"),
    ("get", "/api/v1/sessions/{session}/participants"),
    ("get", "/api/v1/sessions/{session}/usage"),
    ("get", "/api/v1/sessions/{session}/thumbnail"),
    ("get", "/api/v1/auth/config"),
    ("get", "/api/v1/events"),
    ("delete", "/api/v1/sessions/{session}/participants/{identity}"),
    ("get", "/api/v1/sessions/{session}/bans"),
    ("delete", "/api/v1/sessions/{session}/bans/{ban}"),
    ("post", "/api/v1/sessions/{session}/control"),
    ("post", "/api/v1/sessions/{session}/agent/state"),
    ("post", "/api/v1/sessions/{session}/agent/mute"),
    ("get", "/api/v1/time"),
    ("get", "/healthz"),
    ("get", "/readyz"),
}


async def document() -> dict[str, Any]:
    async with running_shim() as shim:
        found: dict[str, Any] = await shim.call("GET", "/api/v1/openapi.json", key=None, status=200)
        return found


async def test_the_routes_are_those_of_the_contract() -> None:
    paths = (await document())["paths"]
    assert {(method, path) for path, item in paths.items() for method in item} == ROUTES


async def test_every_schema_has_an_example_and_every_route_a_sentence() -> None:
    found = await document()
    for name, schema in found["components"]["schemas"].items():
        assert "enum" in schema or schema.get("examples"), f"{name} has no example"
    for item in found["paths"].values():
        for operation in item.values():
            assert operation["description"].endswith((".", "endpoint` can be pointed at it."))
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"], operation


def test_examples_fit_their_models() -> None:
    for model in (
        vars(models) | vars(models_access) | vars(models_auth) | vars(models_people)
    ).values():
        if not (isinstance(model, type) and issubclass(model, pydantic.BaseModel)):
            continue
        if model in (pydantic.BaseModel, models.StrictRequest):
            continue
        extra = model.model_config["json_schema_extra"]
        assert isinstance(extra, dict)
        examples = extra["examples"]
        assert isinstance(examples, list)
        for example in examples:
            model.model_validate(example)


def test_house_rules() -> None:
    """No wall clock or bare task outside of the modules whose job it is; small files."""
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 400, path
        tree = ast.parse(text)
        assert ast.get_docstring(tree), path
        names = {f"{n.value.id}.{n.attr}" for n in _attributes(tree)}
        assert not names & {"asyncio.create_task", "asyncio.ensure_future", "time.time"}, path
        assert path.name in {"config.py"} or "os.environ" not in names, path
        imports = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        } | {
            str(node.module)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.level == 0
        }
        assert not any(name.startswith("sessioncast_agent") for name in imports), path


def _attributes(tree: ast.AST) -> list[Any]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    ]


def test_tokens_and_offers_need_no_http() -> None:
    """Minting can be used by another program without FastAPI, uvicorn or the page."""
    import subprocess
    import sys

    code = (
        "import sys; import sessioncast_signaling.tokens, sessioncast_signaling.offers; "
        "print(sorted({'fastapi', 'uvicorn', 'starlette', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
