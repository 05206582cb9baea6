"""The sessioncast agent: one session in, one LiveKit room out."""

__version__ = "0.1.0"
