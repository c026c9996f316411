"""Evenkeel's library: robust few-shot fine-tuning of CLIP. Works from a plain script; no server."""

__version__ = "0.1.0"
