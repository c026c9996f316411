"""Reads a folder or a zip into a checked data set of domains, and makes few-shot tasks of it."""
