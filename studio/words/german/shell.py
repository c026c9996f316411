"""Around the places, in German."""

from typing import ClassVar


class Brand:
    """The name and what it stands for."""

    name = "Evenkeel"
    line = "Besser auf den eigenen Bildern, stabil auf allen anderen"


class Shell:
    """Header, places, drawer."""

    tabs: ClassVar = {
        "data": "Daten",
        "train": "Training",
        "live": "Live",
        "lab": "Robustheit",
        "compare": "Vergleich",
        "export": "Export",
    }
    short_tabs: ClassVar = {"live": "Live", "lab": "Labor"}
    data_set = "Datensatz"
    no_data = "Noch keine Daten"
    new_data = "Neuer Datensatz"
    model = "Modell"
    theme = "Zwischen hell und dunkel wechseln"
    language = "Sprache"
    queue = "Queue"
    device_wait = "Das Gerät wird gesucht"
    local = "Alles bleibt auf diesem Rechner"
    skip = "Zum Inhalt springen"
    read_only = "Dieser Link zeigt nur einen Lauf: Ändern lässt sich darüber nichts."
    read_only_chip = "Nur-Lese-Link"
    too_fast = (
        "Erlaubt sind {limit} Aktionen in der Minute. Bitte einen Moment warten und noch einmal "
        "versuchen."
    )
    unknown_action = "Diese Aktion kennt die Seite nicht. Bitte neu laden."
    log_out = "Abmelden"
    wrong_host = (
        "Dieses Studio antwortet nur diesem Rechner. Es ist unter http://127.0.0.1 zu öffnen."
    )
    wrong_origin = "Das hat eine andere Website angefragt; es wird abgelehnt."
    body_too_large = "Eine Nachricht darf {limit} MB haben, und diese ist größer."
    wrong = (
        "Bei uns ist etwas schiefgegangen: {kind}. Einzelheiten stehen im Terminal; bitte noch "
        "einmal versuchen."
    )


class Login:
    """The door."""

    title = "Anmelden"
    lead = "Dieses Studio fragt nach dem Namen, bevor es etwas zeigt."
    name = "Name"
    password = "Passwort"
    button = "Anmelden"
    wrong = "Name oder Passwort ist falsch."
    too_many = (
        "Mehr als {limit} falsche Passwörter in einer Minute: bitte eine Minute warten und dann "
        "noch einmal versuchen."
    )
    needed = "Für dieses Studio ist eine Anmeldung nötig."
    no_link = "Dieser Link zeigt nichts oder nichts mehr. Ein neuer lässt sich erfragen."


class Steer:
    """What can be done to a run."""

    titles: ClassVar = {
        "advance": "Vorziehen",
        "pause": "Pausieren",
        "resume": "Fortsetzen",
        "stop": "Beenden, Bestes behalten",
        "retry": "Noch einmal",
        "cancel": "Abbrechen",
    }
    sure: ClassVar = {
        "stop": (
            "Diesen Lauf jetzt beenden? Er behält seine bisher besten Gewichte und wird mit ihnen "
            "gemessen."
        ),
        "cancel": "Diesen Lauf abbrechen? Was er bisher gelernt hat, geht verloren.",
    }


class Queue:
    """The drawer."""

    title = "Queue"
    empty = (
        "Nichts in der Queue. Ein eingereihter Lauf erscheint hier und läuft weiter, auch wenn der "
        "Tab geschlossen wird."
    )
    open = "Öffnen"
    left = "noch {time}"
    safe = "Läufe leben im Worker: Den Tab zu schließen hält sie nicht an."
    running = "{n} in Arbeit"
    waiting = "{n} wartend"
    idle = "leer"
    announce_done = "{name} ist fertig."
    announce_failed = "{name} ist fehlgeschlagen: {error}"
    close = "Queue schließen"
    older = "Ältere Läufe zeigen"
