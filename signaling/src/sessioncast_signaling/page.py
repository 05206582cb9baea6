"""The built page: index.html and an allow-list of the files that Vite made, held in memory."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

WEB_DIST = Path(__file__).with_name("web_dist")
MISSING = "The page is not built: run `make setup` and reload; the API works without it.\n"
_COMPRESSED = {".html", ".js", ".css", ".svg", ".json", ".wasm", ".txt", ".webmanifest"}
_TYPES = {".js": "text/javascript; charset=utf-8", ".webmanifest": "application/manifest+json"}
_MAX_FILE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class _File:
    body: bytes
    gzipped: bytes | None
    media_type: str
    etag: str


class Page:
    """Serves from memory. The directory is read again when a new build has replaced index.html."""

    def __init__(self, directory: Path = WEB_DIST) -> None:
        self._directory = directory
        self._files: dict[str, _File] = {}
        self._built_ns: int | None = None

    def index(self, request: Request) -> Response:
        """Return the page itself; 503 with one sentence when it is not built."""
        self._refresh()
        file = self._files.get("index.html")
        if file is None:
            return PlainTextResponse(MISSING, status_code=503)
        return _respond(request, file, "no-cache")

    def file(self, request: Request, name: str) -> Response | None:
        """Return a file of the build by its exact name, or None."""
        self._refresh()
        file = self._files.get(name)
        if file is None or name == "index.html":
            return None
        hashed = name.startswith("assets/")  # their names change with their content
        return _respond(
            request, file, "public, max-age=31536000, immutable" if hashed else "no-cache"
        )

    def _refresh(self) -> None:
        try:
            built_ns = (self._directory / "index.html").stat().st_mtime_ns
        except OSError:
            built_ns = None
        if built_ns == self._built_ns:
            return
        self._built_ns = built_ns
        self._files = {} if built_ns is None else _read(self._directory)


def _read(directory: Path) -> dict[str, _File]:
    files: dict[str, _File] = {}
    for path in sorted(directory.rglob("*")):
        if not path.is_file() or path.is_symlink() or path.stat().st_size > _MAX_FILE_BYTES:
            continue
        name = path.relative_to(directory).as_posix()
        if any(part.startswith(".") for part in name.split("/")) or name.endswith(".map"):
            continue
        body = path.read_bytes()
        packs = path.suffix in _COMPRESSED and len(body) > 512
        files[name] = _File(
            body=body,
            gzipped=gzip.compress(body, 9, mtime=0) if packs else None,
            media_type=_media_type(path),
            etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        )
    return files


def _media_type(path: Path) -> str:
    known = _TYPES.get(path.suffix)
    if known is not None:
        return known
    guessed = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed


def _respond(request: Request, file: _File, cache_control: str) -> Response:
    headers = {"Cache-Control": cache_control, "ETag": file.etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    body = file.body
    if file.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body = file.gzipped
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=file.media_type, headers=headers)
