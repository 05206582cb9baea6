"""docs/security.md names a test for each rule, and docs/api.md is what the shim says of itself."""

import ast
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_rule_has_a_test_that_exists() -> None:
    table = (ROOT / "docs/security.md").read_text().partition("## Rules and their tests")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    for row in rows:
        if set(row) <= set("|- "):
            continue
        named = NAMED.findall(row)
        assert named, row
        for path, name in named:
            tree = ast.parse((ROOT / path).read_text())
            found = {
                node.name
                for node in ast.walk(tree)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            assert name in found, f"{path} has no {name}"
    for number in range(1, 10):
        assert f"| S{number} " in table


def test_the_api_page_is_current() -> None:
    spec = importlib.util.spec_from_file_location("api_doc", ROOT / "scripts/api_doc.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs/api.md").read_text() == module.text(), "run `make api-doc`"


def pods(document: Any) -> list[dict[str, Any]]:
    """All pod specs in a manifest."""
    if isinstance(document, dict):
        own = [document] if "containers" in document else []
        return own + [pod for value in document.values() for pod in pods(value)]
    return [pod for item in document for pod in pods(item)] if isinstance(document, list) else []


def test_manifests_give_no_privilege() -> None:
    for path in (ROOT / "deploy").rglob("*.y*ml"):
        text = path.read_text()
        if "kind:" not in text or "{{" in text:
            continue  # configuration, or a template that a chart's own test renders
        for pod in pods(list(yaml.safe_load_all(text))):
            assert not pod.get("hostNetwork"), path
            assert not pod.get("hostIPC"), path
            assert pod.get("automountServiceAccountToken") is False, path
            for container in pod["containers"]:
                context = container.get("securityContext", {})
                assert not context.get("privileged"), path
                assert context.get("allowPrivilegeEscalation") is False, path
                assert context.get("capabilities", {}).get("drop") == ["ALL"], path
