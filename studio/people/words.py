"""Sentences about logins and limits."""


class Login:
    """The login page."""

    title = "Log in"
    lead = "This studio shows nothing without a login."
    name = "Name"
    password = "Password"
    button = "Log in"
    wrong = "Name or password is wrong."
    too_many = "More than {limit} wrong passwords in a minute: wait a minute, then try again."
    needed = "Log in to use this studio."
    no_link = "This link is not valid, or it has ended. Ask for a new one."


class Visitors:
    """Limits of a visitor."""

    too_fast = "A visitor may act {limit} times a minute. Wait a moment, then try again."
