"""The Content-Security-Policy: limits the scripts and resources that a page may load and run."""

import base64
import hashlib

from studio.door.theme import FIRST_PAINT


def policy(nonce: str) -> str:
    """The header's value for a page whose own scripts carry `nonce`.

    `unsafe-eval`: Gradio makes functions from the templates and scripts of its HTML component. They
    are ours, no visitor's text is ever in one. `unsafe-inline` is for styles only.
    """
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'nonce-{nonce}' '{_FIRST_PAINT_HASH}' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-src 'none'",
            "frame-ancestors 'none'",
        )
    )


def _hash(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


_FIRST_PAINT_HASH = _hash(FIRST_PAINT)
