"""Evaluation: the results of a classifier on every domain, with their uncertainty."""
