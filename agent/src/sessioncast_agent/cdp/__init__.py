"""Browser sessions: a Chromium over the DevTools protocol, on one socket, one thread and loop."""
