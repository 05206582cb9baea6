"""The page's files: an allow-list, compressed, cached as their names allow."""

from pathlib import Path

import pytest

from support.shim import running_shim

pytestmark = pytest.mark.unit


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>one</title>")
    (tmp_path / "assets" / "index-abc.js").write_text("let x = 1;\n" * 200)
    (tmp_path / "assets" / "index-abc.js.map").write_text("{}")
    (tmp_path / "assets" / ".hidden").write_text("x")
    (tmp_path / "assets" / "link.js").symlink_to("/etc/passwd")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    return tmp_path


async def test_the_page_and_its_files(dist: Path) -> None:
    async with running_shim(web_dist=dist) as shim:
        for path in ["/", "/sessions/demo"]:
            answer = await shim.http.get(path)
            assert answer.text == "<!doctype html><title>one</title>"
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert answer.headers["cache-control"] == "no-cache"
        script = await shim.http.get("/assets/index-abc.js")
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert script.headers["content-encoding"] == "gzip"
        assert script.text == "let x = 1;\n" * 200
        plain = await shim.http.get("/assets/index-abc.js", headers={"Accept-Encoding": ""})
        assert "content-encoding" not in plain.headers
        assert plain.text == script.text
        icon = await shim.http.get("/favicon.svg")
        assert icon.headers["content-type"] == "image/svg+xml"
        again = await shim.http.get("/", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        head = await shim.http.head("/")
        assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/assets/index-abc.js.map",
        "/assets/.hidden",
        "/assets/link.js",
        "/assets/",
        "/assets",
        "/assets/..%2findex.html",
        "/assets/%2e%2e/index.html",
        "/sessions/",
        "/..%2f..%2fetc%2fpasswd",
    ],
)
async def test_nothing_else_is_served(dist: Path, path: str) -> None:
    async with running_shim(web_dist=dist) as shim:
        await shim.problem("not-found", 404, "GET", path, key=None)


async def test_an_id_outside_the_rule_is_told_so_by_the_page_itself(dist: Path) -> None:
    async with running_shim(web_dist=dist) as shim:
        answer = await shim.http.get("/sessions/Bad")
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")


async def test_a_new_build_is_served_without_a_restart(dist: Path) -> None:
    async with running_shim(web_dist=dist) as shim:
        assert "one" in (await shim.http.get("/")).text
        (dist / "index.html").unlink()
        (dist / "index.html").write_text("<!doctype html><title>two</title>")
        assert "two" in (await shim.http.get("/")).text
