"""The arrows between modules, walked with `ast`: they go one way and never between deployables."""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
AGENT = ROOT / "agent/src/sessioncast_agent"
SHIM = ROOT / "signaling/src/sessioncast_signaling"
MAX_LINES = 400

# package of the agent → those of its own packages that it may not import
FORBIDDEN = {
    "cdp": {
        "link",
        "x11",
        "control",
        "video",
        "rfb",
        "sound",
        "browsing",
        "session",
        "demo",
        "cli",
    },
    "browsing": {"link", "x11", "video", "rfb", "sound", "session", "demo", "cli"},
    "video": {"link", "x11", "session", "demo", "cli"},
    "x11": {"link", "control", "video", "session", "demo", "cli"},
    "control": {"link", "x11", "video", "session", "demo", "cli"},
    "link": {"x11", "control", "session", "demo", "cli"},
    "voice": {"link", "x11", "video", "session", "demo", "cli"},
    "sound": {"link", "x11", "video", "control", "session", "demo", "cli"},
    "rfb": {"link", "x11", "session", "demo", "cli"},
    "demo": {"link", "video", "session"},
    "doctor": {"link", "x11", "cdp", "video", "control", "rfb", "sound", "session", "demo", "cli"},
}


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def modules(root: Path) -> list[Path]:
    found = sorted(root.rglob("*.py"))
    assert found
    return found


def test_the_two_deployables_never_import_each_other() -> None:
    for root, other in ((AGENT, "sessioncast_signaling"), (SHIM, "sessioncast_agent")):
        for path in modules(root):
            assert not {name for name in imports(path) if name.startswith(other)}, path


def test_the_agents_arrows_go_one_way() -> None:
    for package, forbidden in FORBIDDEN.items():
        for path in modules(AGENT / package):
            parts = {name.split(".")[1] for name in imports(path)
                     if name.startswith("sessioncast_agent.")}  # fmt: skip
            assert not parts & forbidden, (path, parts & forbidden)


def test_only_the_composition_root_knows_all_stages() -> None:
    for path in modules(AGENT):
        parts = {name.split(".")[1] for name in imports(path)
                 if name.startswith("sessioncast_agent.")}  # fmt: skip
        if path.name != "session.py":
            assert not {"link", "x11", "video"} <= parts, path


def test_no_module_outgrows_one_job() -> None:
    for root in (AGENT, SHIM):
        for path in modules(root):
            lines = len(path.read_text().splitlines())
            assert lines <= MAX_LINES, f"{path.name} has {lines} lines"
