"""What is counted, and lists."""

from typing import ClassVar


class Numbers:
    """One and many of what is counted, and lists."""

    listed = "{first} and {last}"
    images: ClassVar = ("image", "images")
    test_images: ClassVar = ("test image", "test images")
    classes: ClassVar = ("class", "classes")
    domains: ClassVar = ("OOD domain", "OOD domains")
    others: ClassVar = ("other domain", "other domains")
    files: ClassVar = ("file", "files")
    left_out: ClassVar = ("file left out", "files left out")
    settings: ClassVar = ("setting", "settings")
    error: ClassVar = ("error", "errors")
    warning: ClassVar = ("warning", "warnings")
