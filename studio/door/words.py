"""Sentences of the login and of refused requests."""

from studio.frame.words import Brand as Brand
from studio.people.words import Login as Login
from studio.people.words import Visitors as Visitors


class Refused:
    """Requests that never reach a page."""

    wrong_host = "This studio answers to this machine only. Open it as http://127.0.0.1."
    wrong_origin = "This request came from another web site and was refused."
    body_too_large = "A message may have {limit} MB, and this one is larger."
