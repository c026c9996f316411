"""Around the places: the name, the frame, the login, the queue."""

from typing import ClassVar


class Brand:
    """The name and what it stands for."""

    name = "Evenkeel"
    line = "Better on your images, steady on everything else"


class Shell:
    """Header, places, drawer."""

    tabs: ClassVar = {
        "data": "Data",
        "train": "Train",
        "live": "Live run",
        "lab": "Robustness lab",
        "compare": "Compare",
        "export": "Export",
    }
    short_tabs: ClassVar = {"live": "Live", "lab": "Lab"}
    """On a phone, where the whole name is too long."""
    data_set = "Data set"
    no_data = "No data yet"
    choose_data = "Choose a data set"
    shared_run = "A shared run"
    new_data = "New data set"
    model = "Model"
    theme = "Switch between light and dark"
    queue = "Queue"
    starting = "The studio is still starting. What you asked for is queued as soon as it can be."
    device_wait = "Looking for the device"
    local = "Everything stays on this machine"
    skip = "Skip to content"
    read_only = "This link only shows a run: nothing can be changed through it."
    read_only_chip = "Read-only link"
    too_fast = "A visitor may act {limit} times a minute. Wait a moment and do it again."
    unknown_action = "This page has no such action. Load it anew."
    log_out = "Log out"
    wrong_host = "This studio answers to this machine only. Open it as http://127.0.0.1."
    wrong_origin = "Another web site asked for this, and is refused."
    body_too_large = "A message may have {limit} MB, and this one is larger."
    wrong = "Something went wrong on our side: {kind}. The terminal has the details; try once more."


class Login:
    """The door."""

    title = "Log in"
    lead = "This studio asks who you are before it shows anything."
    name = "Name"
    password = "Password"
    button = "Log in"
    wrong = "Name or password is wrong."
    too_many = "More than {limit} wrong passwords in a minute: wait a minute, then try again."
    needed = "Log in to use this studio."
    no_link = "This link shows nothing, or not any more. Ask for a new one."


class Steer:
    """What can be done to a run."""

    titles: ClassVar = {
        "advance": "Move up",
        "pause": "Pause",
        "resume": "Resume",
        "stop": "Stop and keep best",
        "retry": "Try again",
        "cancel": "Cancel",
    }
    sure: ClassVar = {
        "stop": "End this run now? It keeps its best weights so far and is measured with them.",
        "cancel": "Cancel this run? What it has trained so far is lost.",
    }


class Queue:
    """The drawer."""

    title = "Queue"
    search = "Search runs"
    search_help = "Search runs by name, note, tag, method, data set or model"
    nothing_found = "No run has all of these words in its name, note, tags, method, data or model."
    empty = "Nothing queued. A run you queue appears here and goes on when you close the tab."
    open = "Open"
    left = "{time} left"
    safe = "Runs live in the worker: closing this tab does not stop them."
    running = "{n} running"
    waiting = "{n} waiting"
    idle = "idle"
    announce_done = "{name} has finished."
    announce_failed = "{name} failed: {error}"
    close = "Close the queue"
    older = "Show older runs"
