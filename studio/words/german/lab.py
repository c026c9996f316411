"""The robustness lab, in German."""

from typing import ClassVar


class Lab:
    """The robustness lab."""

    title = "Robustheitslabor"
    lead = "Wie viel vom Gewinn lässt sich behalten, ohne auf anderen Domänen einzubrechen?"
    empty = "Das Labor öffnet, wenn ein Lauf fertig ist"
    empty_text = (
        "Dann zeigt es, was das Fine-Tuning auf den eigenen Bildern gebracht und was es anderswo "
        "gekostet hat."
    )
    to_live = "Lauf ansehen"
    tabs: ClassVar = {
        "wise": "Mischgewicht α",
        "errors": "Fehler",
        "calibration": "Kalibrierung",
        "drift": "Drift",
        "shots": "Shots",
        "prototypes": "Prototypen",
        "photo": "Foto testen",
    }
    alpha = "Mischgewicht α"
    alpha_range = "α muss zwischen 0 und 1 liegen, da steht {alpha}."
    alpha_low = "Zero-shot"
    alpha_high = "fine-tuned"
    jump = "zurück zum gewählten α"
    to_export = "Dieses Modell exportieren"
    mark: ClassVar = {
        "val": "auf Validierung gewählt",
        "default": "der Standard",
        "fixed": "die Kombination",
        "oracle": "die Kombination",
    }
    instant = (
        "Aus den {count} gemessenen Punkten abgelesen. Beim Loslassen wird genau dieses α gemessen."
    )
    measuring = "Dieses α wird auf jedem Bild gemessen …"
    exact = "Genau an diesem α gemessen, in {seconds} s."
    chosen_on: ClassVar = {
        "val": "Auf Validierungsbildern gewählt: Diese Zahlen bleiben ehrlich",
        "default": "Keine Validierungsbilder: α ist der Standard, keine Wahl",
        "fixed": "Die Kombination, wie sie ist: α = 1 wurde nicht gesucht",
        "oracle": "Mit Blick auf Testbilder gemacht (Orakel): Testzahlen sind nicht ehrlich",
    }
    by_hand = "Von Hand gesetzt mit Blick auf {domains}: Diese Zahlen sind optimistisch"
    table = "Tabelle"
    frontier = "ID gegen OOD für jedes α"
    frontier_note = (
        "Jeder Punkt ist ein gemessenes Mischgewicht. Weiter oben und rechts ist auf beiden besser."
    )
    sentence = (
        "Bei α = {alpha}: {id} auf den eigenen Bildern, {ood} auf den anderen Domänen, gegen "
        "Zero-shot."
    )
    sentence_id = "Bei α = {alpha}: {id} auf den eigenen Bildern, gegen Zero-shot."
    id = "Eigene Bilder (ID)"
    prototypes_lead = (
        "Jeder Punkt ist ein Prompt-Template, so wie CLIP es sieht. Templates, die ein Isolation "
        "Forest für Ausreißer hält (×), bleiben weg; der Rest ist mit k-means gruppiert (◆). "
        "Trainings-Features wandern im Lauf der Epochen zwischen diesen Gruppen: je weniger, desto "
        "besser hat die Ausrichtung gehalten."
    )
    inspect_title = "Jedes Bild, eines nach dem anderen"
    inspect_text = (
        "Zero-shot, das gewählte α und die Gewichte nach dem Fine-Tuning antworten auf jedes "
        "gemessene Bild. Das dauert einmal ein paar Sekunden und bleibt dann."
    )
    inspect_button = "Jedes Bild ansehen"
    inspecting = "Die drei Modelle werden nach jedem Bild gefragt …"
    columns: ClassVar = {
        "zero-shot": "Zero-shot",
        "alpha": "α = {alpha}",
        "fine-tuned": "fine-tuned",
    }
    answers_of = "Antworten von"
    domain = "Domäne"
    confusion = "Was wofür gehalten wird"
    confusion_note = (
        "Zeilen: die wahre Klasse, Spalten: die Antwort. Eine Zelle öffnet ihre Bilder."
    )
    confusion_part = "Zu sehen sind die {shown} von {n} Klassen mit den meisten Fehlern."
    right_of = "{right} von {n} richtig"
    true_class = "Wahre Klasse"
    said_class = "Gehalten für"
    cell = "{actual} gehalten für {said}: {n}"
    pairs = "Am häufigsten verwechselt"
    no_errors = "Hier wird nichts verwechselt: Jede Antwort ist richtig."
    gallery = "Bilder dieser Zelle"
    empty_cell = "So antwortet dieses Modell auf dieser Domäne nie. Bitte eine andere Zelle wählen."
    no_pictures = "Die Bilder liegen nicht in diesem Studio, darum sind nur die Antworten zu sehen."
    reliability = "Reliabilität: wie sicher, und wie oft richtig"
    reliability_note = (
        "Auf der gestrichelten Linie ist ein Modell so oft richtig, wie es sagt. Darunter ist es "
        "zu sicher. Blass: mit der Temperatur. Größere Marken stehen für mehr Bilder."
    )
    confidence = "wie sicher die Antwort ist"
    accuracy = "wie oft sie richtig ist"
    diagonal = "so oft richtig wie gesagt"
    as_it_is = "wie es ist"
    with_temperature = "mit T"
    bin_columns: ClassVar = ("Domäne", "wie", "Konfidenz", "n", "mittlere Konfidenz", "Accuracy")
    ece_title = "Kalibrierungsfehler (ECE)"
    ece_note = (
        "Wie weit Konfidenz und Accuracy auseinanderliegen, im Mittel über 15 Bins; kleiner ist "
        "besser."
    )
    temperature = "Temperatur"
    temperature_note = (
        "Die Temperatur T teilt die Logits; eine je Modell, angepasst auf {n} Validierungsbildern "
        "(kleinste NLL). Sie ändert keine Antwort, nur wie sicher sie ist."
    )
    no_temperature = "Es gibt keine Validierungsbilder, also wird keine Temperatur angepasst."
    fitted_here = "(hier angepasst)"
    distortion = "Feature-Verzerrung je Domäne"
    distortion_note = (
        "Wie weit der Turm nach dem Fine-Tuning die normierten Features eines Bildes im Mittel von "
        "denen von CLIP wegbewegt hat: 0 ist gar nicht, 2 das Äußerste. Wenig auf OOD heißt, dass "
        "das Wissen von CLIP erhalten blieb."
    )
    energy_gap = "Energy Gap je Domäne"
    energy_gap_note = (
        "Wie sehr das Training verändert hat, was Bilder und zufällige Texte miteinander zu tun "
        "haben (quadriert, über die Texte gemittelt); 0 ist gar nicht. Es wächst mit der "
        "Temperatur des Modells: Domänen vergleichen, nicht Modelle."
    )
    no_drift = (
        "Dieser Lauf enthält keine Drift: Eine ältere Version hat ihn trainiert, oder er ist ein "
        "Ensemble. Noch einmal trainiert, zeigt er sie."
    )
    no_gap = (
        "Der Textturm dieses Modells kann keine zufälligen Texte lesen, also gibt es keinen Energy "
        "Gap."
    )
    stress = "Stress-Set (synthetisch)"
    stress_note = (
        "Synthetisch: die Testbilder, verändert durch acht Effekte, keine Fotos von anderswo. In "
        "keiner OOD-Zahl enthalten. Balken: 95‑%‑Intervall."
    )
    stress_worst = "Am niedrigsten nach dem Fine-Tuning"
    stress_columns: ClassVar = (
        "Effekt (synthetisch)",
        "Zero-shot",
        "fine-tuned",
        "95‑%‑Intervall",
        "Änderung",
        "n",
    )
    no_stress = (
        "Kein Stress-Set gemessen: Das geschieht, wenn ein Datensatz keinen OOD-Ordner hat, oder "
        "mit --stress."
    )
