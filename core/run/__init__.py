"""The use cases: each takes a data folder or a run and does one thing that a user wants."""
