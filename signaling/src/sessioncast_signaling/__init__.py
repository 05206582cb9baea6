"""The sessioncast shim: tokens, sessions, links and the web page."""

__version__ = "0.1.0"
