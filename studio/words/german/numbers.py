"""How numbers are written in German, and what is counted."""

from typing import ClassVar


class Numbers:
    """One and many of what is counted, the mark before decimals, and lists."""

    point = ","
    listed = "{first} und {last}"
    images: ClassVar = ("Bild", "Bilder")
    classes: ClassVar = ("Klasse", "Klassen")
    domains: ClassVar = ("OOD-Domäne", "OOD-Domänen")
    files: ClassVar = ("Datei", "Dateien")
    left_out: ClassVar = ("Datei ausgelassen", "Dateien ausgelassen")
    settings: ClassVar = ("Einstellung", "Einstellungen")
    error: ClassVar = ("Fehler", "Fehler")
    warning: ClassVar = ("Warnung", "Warnungen")
