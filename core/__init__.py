"""Evenkeel's library: robust few-shot fine-tuning of CLIP. Works from a plain script; no server."""

DISTRIBUTION = "evenkeel"
"""`core` is a common name: `studio.cli` checks that the one it found is this one."""
__version__ = "0.1.0"
