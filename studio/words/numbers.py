"""How numbers are written, and what is counted."""

from typing import ClassVar

from studio.words.language import Sentences


class Numbers(Sentences):
    """One and many of what is counted, the mark before decimals, and lists."""

    point = "."
    listed = "{first} and {last}"
    images: ClassVar = ("image", "images")
    classes: ClassVar = ("class", "classes")
    domains: ClassVar = ("OOD domain", "OOD domains")
    files: ClassVar = ("file", "files")
    left_out: ClassVar = ("file left out", "files left out")
    settings: ClassVar = ("setting", "settings")
    error: ClassVar = ("error", "errors")
    warning: ClassVar = ("warning", "warnings")
