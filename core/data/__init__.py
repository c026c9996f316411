"""From a folder or a zip to a checked data set of domains, and from that to a few-shot task."""
