"""Sentences of the header and the queue."""

from typing import ClassVar

from studio.frame.words import Brand as Brand
from studio.frame.words import Common as Common
from studio.live.words import Live as Live
from studio.people.words import Login as Login


class Shell:
    """Header and tabs."""

    tabs: ClassVar = {
        "data": "Data",
        "train": "Train",
        "live": "Live run",
        "lab": "Robustness lab",
        "compare": "Compare",
        "export": "Export",
    }
    short_tabs: ClassVar = {"live": "Live", "lab": "Lab"}
    """Short titles for phones, on which the full ones are too long."""
    no_data = "No data yet"
    choose_data = "Choose a data set"
    shared_run = "A shared run"
    new_data = "New data set"
    theme = "Switch between light and dark"
    queue = "Queue"
    device_wait = "Looking for the device"
    local = "Everything stays on this machine"
    skip = "Skip to content"
    read_only_chip = "Read-only link"
    log_out = "Log out"


class Queue:
    """The queue."""

    title = "Queue"
    search = "Search runs"
    search_help = "Search runs by name, note, tag, method, data set or model"
    nothing_found = "No run has all of these words in its name, note, tags, method, data or model."
    empty = "Nothing queued. A run that you queue appears here, and continues if you close the tab."
    open = "Open"
    left = "{time} left"
    safe = "Runs continue in the worker if you close this tab."
    running = "{n} running"
    waiting = "{n} waiting"
    idle = "idle"
    announce_done = "{name} has finished."
    announce_failed = "{name} failed: {error}"
    close = "Close the queue"
