"""Evaluation: what a classifier does on every domain, and how sure one can be of the number."""
