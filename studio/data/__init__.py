"""The data place: a folder is dropped, checked, and mended."""
