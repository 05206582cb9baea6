"""The benchmark: glass-to-glass latency, CPU, bitrate and picture beside four references.

Run as `PYTHONPATH=tests .venv/bin/python -m bench --quick` (what `make bench` does); `--help` lists
the rest. How it measures is described in docs/performance.md.
"""
