#!/usr/bin/env python3
"""A foreign site with a live session in it: it holds the API key, its visitors never see it.

    SESSIONCAST_URL=http://127.0.0.1:8080 SESSIONCAST_API_KEY=sck_… ./serve.py 8090

Then open http://127.0.0.1:8090/?session=demo. Standard library only; in a site of your own, the one
route that counts is `offer`: decide who may watch what, then pass the shim's answer on.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).parent
SHIM = os.environ.get("SESSIONCAST_URL", "http://127.0.0.1:8080").rstrip("/")
KEY = os.environ.get("SESSIONCAST_API_KEY", "")
SESSION = re.compile(r"/offer/([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)")
FILES = {"/": ("index.html", "text/html; charset=utf-8")}


class Site(BaseHTTPRequestHandler):
    """The page, the component, and an offer for whoever may watch."""

    def do_GET(self) -> None:
        """Serve the page and the component, which is fetched from the shim once for all."""
        path = self.path.partition("?")[0]
        if path == "/session-view.js":
            self._pass_on("GET", "/embed/session-view.js")
        elif path in FILES:
            name, kind = FILES[path]
            self._answer(200, (HERE / name).read_bytes(), kind)
        else:
            self._answer(404, b"nothing here\n", "text/plain")

    def do_POST(self) -> None:
        """Ask the shim for an offer: this site decides that everybody may look, and no more."""
        match = SESSION.fullmatch(self.path)
        if match is None:
            self._answer(404, b"nothing here\n", "text/plain")
            return
        body = json.dumps({"role": "observer", "name": "Visitor"}).encode()
        self._pass_on("POST", f"/api/v1/sessions/{match[1]}/webrtc/offer", body)

    def _pass_on(self, method: str, path: str, body: bytes | None = None) -> None:
        headers = {"Content-Type": "application/json"}
        if body is not None:
            headers["Authorization"] = f"Bearer {KEY}"
        request = urllib.request.Request(SHIM + path, body, headers, method=method)  # noqa: S310  # our own
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # as above
                self._answer(answer.status, answer.read(), answer.headers["Content-Type"])
        except urllib.error.HTTPError as error:
            self._answer(error.code, error.read(), error.headers["Content-Type"])
        except OSError:
            self._answer(
                502, b'{"detail": "The session server does not answer."}', "application/json"
            )

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the example's visitors are its reader's own."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8090
    with ThreadingHTTPServer(("127.0.0.1", port), Site) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()
