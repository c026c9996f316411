"""Train, in German."""

from typing import ClassVar


class Train:
    """The train place."""

    title = "Training"
    lead = (
        "Welches Fine-Tuning soll es sein? Nichts beginnt vor dem Einreihen, und was "
        "eingereiht ist, steht fest."
    )
    no_data = "Das Training braucht zuerst Bilder"
    no_data_text = "Die Demo öffnen oder einen Ordner ablegen; beides dauert höchstens eine Minute."
    to_data = "Zu den Daten"
    methods = "Methode"
    paper = "Paper"
    families: ClassVar = {
        "fine-tuning": (
            "Robustes Fine-Tuning",
            "Der Bildturm wird trainiert, und etwas hält ihn nahe an dem, was CLIP wusste.",
        ),
        "features": (
            "Adapter auf eingefrorenen Features",
            "Der Bildturm bleibt der von CLIP: in Sekunden trainiert, und er vergisst nichts.",
        ),
        "prompts": (
            "Gelernte Prompts",
            "Beide Türme bleiben die von CLIP: Nur der Prompt wird gelernt.",
        ),
        "baseline": ("Baselines", "Womit die anderen verglichen werden."),
    }
    model_of_list = "model: Besucher dieses Studios wählen aus seiner Liste: {models}."
    measured = "Auf der Demo, 16 Shots, {seeds} Seeds: ID {id}, OOD {ood} gegen Zero-shot."
    dots_note = (
        "Die Punkte sind unsere eigene Messung auf der Demo: Gewinn auf ID, und wie wenig auf OOD "
        "verloren geht. Andere Bilder können anders antworten; die Tabelle steht in "
        "docs/benchmark.md."
    )
    knobs = "Einstellungen"
    advanced = "Weitere"
    filter = "Nach Name, Schlüssel oder Bedeutung filtern"
    none_match = "Keine Einstellung passt zu diesem Filter."
    default = "Standard"
    usual = "üblich {low} – {high}"
    unusual = "Außerhalb des Bereichs, der einen Versuch lohnt"
    unusual_short = "unüblich"
    this_run = "Dieser Lauf"
    same_run = "Derselbe Lauf von anderswo"
    queue = "Training einreihen"
    queue_note = "Läuft im Worker: Den Tab zu schließen hält es nicht an."
    queue_place = "{n} davor in der Queue"
    queue_free = "Die Queue ist frei: Es beginnt sofort"
    waiting = "Die Liste der Methoden wird erfragt …"
    waiting_more = "Der Evaluator startet mit dem Studio und braucht ein paar Sekunden."
    to_beat = "Zu schlagen: Zero-shot, {role}"
    to_beat_wait = "…"
    time = "Zeit, etwa"
    memory = "Speicher, etwa"
    changed = "geändert"
    auto = "auto"
    copy = "Kopieren"
    labels: ClassVar = {
        "shots": "Shots je Klasse",
        "epochs": "Epochen",
        "lr": "Lernrate",
        "seed": "Seed",
        "allow_fewer": "Weniger Shots erlauben",
        "unseen": "Ungesehene Klassen",
        "evaluations": "Messungen während des Trainings",
        "precision": "Präzision",
        "device": "Gerät",
        "alphas": "Gemessene Mischgewichte",
        "batch_size": "Batch-Größe",
        "weight_decay": "Weight Decay",
    }
    helps_short: ClassVar = {
        "shots": "Trainingsbilder, gezogen je Klasse.",
        "epochs": "Durchgänge durch die Shots.",
        "lr": "Schrittweite des Optimierers.",
        "seed": "Welche Bilder, in welcher Reihenfolge.",
    }
    yes = "ja"
    no = "nein"
    by_data = "wie der Datensatz sagt"


class Several:
    """More than one run from one form."""

    title = "Mehrere Läufe auf einmal"
    lead = "Jeder ist ein eigener Lauf in der Queue; die schnellen Methoden kommen zuerst."
    methods = "Methoden"
    this_one = "nur die gewählte"
    all_of_them = "alle"
    seeds = "Seeds"
    seed_choices: ClassVar = {"": "× 1", "3": "× 3", "5": "× 5"}
    knob = "Sweep"
    no_knob = "keiner"
    values = "Werte"
    queue = "{n} Läufe einreihen"
    too_many = (
        "Mehrere Läufe: höchstens {most} auf einmal, das sind mehr. Bitte weniger Seeds oder Werte."
    )
    no_seed = "Seed: Mehrere Seeds zählen von einer ganzen Zahl aufwärts, da steht {seed}."
    no_values = (
        "Werte: welche von {knob} versucht werden sollen, mit Komma getrennt; da steht nichts."
    )
    queued = "{n} Läufe sind in der Queue."
    some_refused = "{n} Läufe sind in der Queue. Nicht eingereiht: {why}"
