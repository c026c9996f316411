"""Uploads: processes under limits read them; the page's process never decodes an image."""
