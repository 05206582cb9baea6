"""Helpers shared by the tests: real parts started on free loopback ports."""
