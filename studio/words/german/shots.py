"""The shots curve, and what to label next, in German."""

from typing import ClassVar


class Shots:
    """The shots curve, and what to label next."""

    curve = "Accuracy nach Shots"
    sides: ClassVar = {"id": "ID", "ood": "OOD"}
    axis = "Bilder mit Label pro Klasse (Shots)"
    at = "{shots} Shots: {accuracy} (n = {n}, Mittel aus {draws})"
    said = "{accuracy} bei {shots} Shots"
    zero = "Zero-shot"
    columns: ClassVar = (
        "was",
        "auf",
        "Shots",
        "Accuracy",
        "95‑%‑Intervall",
        "n",
        "Mittel aus",
    )
    note = (
        "Durchgezogen: Läufe, die sich von diesem nur in Shots und Seed unterscheiden, jeder beim "
        "α seiner Wahl. Gepunktet: ohne Training, Text- und Bildprototypen zu gleichen Teilen. "
        "Gestrichelt: Zero-shot. OOD ist das einfache Mittel der Domänen. Balken: 95‑%‑Intervall "
        "über die Bilder."
    )
    untrained = "ohne Training"
    offer = "Was brächten mehr Bilder?"
    offer_text = (
        "Aus festen Features, ohne Training, in Sekunden: die Kurve von 1 bis 16 Shots und die "
        "Klassen, die durch mehr Bilder am meisten gewinnen."
    )
    button = "Messen"
    waiting = "Die Kurve wird auf festen Features gemessen …"
    no_data = (
        "Die Bilder dieses Laufs liegen nicht im Regal dieses Studios; was mehr davon brächten, "
        "lässt sich nicht messen."
    )
    more = "Die durchgezogene Kurve von {method} hat einen Punkt je Zahl von Shots mit einem Lauf."
    queue = "{method} mit {shots} Shots in die Queue"
    none_missing = "Jeder Punkt, den diese Bilder erlauben, hat schon einen Lauf. Siehe Queue."
    label_next = "Was als Nächstes labeln"
    label_best = (
        "Als Nächstes {name} labeln: {more} Bilder mehr bringen dieser Klasse wohl {gains}, "
        "abzüglich dessen, was andere an sie verlieren."
    )
    label_gain = "{expected} auf {side} ({low} bis {high})"
    label_unclear = (
        "Bei so wenigen gemessenen Bildern hebt sich keine Klasse vom Zufall ab. Am ehesten "
        "{name}: {more} Bilder mehr, {gains}. Mehr Testbilder würden es klarer sagen."
    )
    label_nothing = (
        "Mehr vom Gleichen bringt wohl keiner Klasse etwas: die neuere Hälfte der Bilder tat es "
        "auch nicht. Besser Bilder labeln, die anders sind als die vorhandenen."
    )
    label_columns: ClassVar = {
        "class": "Klasse",
        "images": "Shots",
        "accuracy": "Accuracy {side}",
        "expected": "{side}, noch einmal so viele",
    }
    label_alone = (
        "Ein oder kein Bild zum Lernen, darum lässt sich nichts sagen: {names}. Diese labeln."
    )
    label_rest = "Die anderen {n} Klassen"
    label_note = (
        "Eine Schätzung: gemessen mit {model}, wie es kam, ohne Training, indem die neuere Hälfte "
        "der Bilder einer Klasse wegbleibt; noch einmal so viele bringen wohl halb so viel wie "
        "diese Hälfte. Die 95‑%‑Intervalle gelten den gemessenen Bildern und der Ziehung der "
        "Shots. Training kann anders ausgehen, und andersartige Bilder können mehr bringen."
    )
