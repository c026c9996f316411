"""What visitors send, read by processes under limits; the page's process never decodes it."""
