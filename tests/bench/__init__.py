"""Benchmarks: the figures that the docs state, reproduced. Not part of what is installed.

`python -m tests.bench.methods`, `.speed` and `.faults` run in a checkout; `make` has the same as
`bench-methods`, `bench-speed` and `bench-faults`.
"""
