"""Live, in German."""

from typing import ClassVar


class Live:
    """The live place."""

    title = "Fortschritt des Laufs"
    run = "{method} · {shots} Shots · Seed {seed}"
    unknown_run = "Einen solchen Lauf gibt es hier nicht. Bitte einen aus der Queue wählen."
    share = "Nur-Lese-Link kopieren"
    unshare = "Nicht mehr teilen"
    link = "Wer diesen Link hat, sieht diesen Lauf und sonst nichts. Er wird nur jetzt gezeigt."
    shared = "Per Link geteilt ({n})"
    unshared = "Kein Link zeigt diesen Lauf mehr."
    empty = "Noch kein Lauf"
    empty_text = "Sobald einer eingereiht ist, erscheinen hier seine Kurven, während er trainiert."
    to_train = "Zum Training"
    phases: ClassVar = {
        "": "startet",
        "data": "liest die Bilder",
        "zero-shot": "misst Zero-shot",
        "training": "trainiert",
        "wise": "misst die Mischgewichte",
        "saving": "speichert die Gewichte",
        "done": "fertig",
    }
    states: ClassVar = {
        "queued": "eingereiht",
        "running": "läuft",
        "paused": "pausiert",
        "waiting": "wartet auf Platz",
        "interrupted": "unterbrochen",
        "done": "fertig",
        "failed": "gescheitert",
        "cancelled": "abgebrochen",
    }
    queued = "Wartet in der Queue"
    interrupted = "Der Prozess ist gestorben. Von selbst geht es beim letzten Checkpoint weiter"
    queued_at = "Platz {n} in der Queue"
    epoch = "Epoche {epoch} von {epochs}"
    step = "Schritt {step} von {steps}"
    eta = "verbleibend"
    eta_help = "geschätzte restliche Trainingszeit"
    speed = "Bilder/s"
    device = "Gerät · {memory}"
    device_help = "wie weit der Lauf das Gerät auslastet, und wie viel Speicher er dort hält"
    device_memory = "Gerätespeicher"
    elapsed = "vergangen"
    id_gain = "ID gegen Zero-shot"
    ood_gain = "OOD gegen Zero-shot"
    asked: ClassVar = {
        "pause": "pausiert gleich: erst wird gesichert, was gelernt ist",
        "stop": "endet gleich: das bisher Beste bleibt",
        "cancel": "wird abgebrochen",
    }
    duplicate = "Duplizieren"
    to_lab = "Gewinn und Schaden ansehen"
    safe = "Den Tab zu schließen hält den Lauf nicht an."
    loss = "Trainings-Loss"
    loss_empty = "Der Loss erscheint mit dem ersten Schritt."
    accuracy = "Accuracy je Domäne"
    accuracy_empty = "Die ersten Punkte sind Zero-shot, vor Beginn des Trainings."
    accuracy_note = "Gestrichelt: Zero-shot derselben Domäne. Balken: 95‑%‑Intervall."
    prototypes = "Was das Training nicht bewegen darf"
    prototypes_empty = (
        "Prompt-Templates, ihre Cluster und die Drift der Trainingsbilder erscheinen mit der "
        "ersten Epoche."
    )
    log = "Log"
    log_empty = "Noch keine Meldung."
    log_more = "Ereignisse herunterladen"
    domains = "Je Domäne"
    below = (
        "{domain} liegt {change} von Zero-shot entfernt, unter seinem Intervall. Der Lauf darf "
        "weitergehen: Das Mischgewicht α, am Ende gewählt, holt es oft zurück."
    )
    failed_next = (
        "Was hilft: den Satz darüber lesen, die genannte Einstellung ändern und noch einmal "
        "einreihen."
    )
    failed_button = "Im Training öffnen"
    cancelled = "Dieser Lauf wurde abgebrochen. Nichts wurde veröffentlicht."
    leaks_allowed = (
        "Leaks sind erlaubt: Bilder, die lehren und auch messen, bleiben beim Training weg, und "
        "das Protokoll sagt, wie viele."
    )
    leaks_tag = "Leaks erlaubt"
    updates = "Im Inneren des Trainings"
    updates_empty = "Gradientennorm und Lernrate erscheinen mit dem ersten Gradientenschritt."
    updates_note = (
        "Oben: Länge des Gradienten, bevor er gekappt wird. Mitte: Lernrate. Unten: die "
        "Trainingsbilder gegenüber dem Start, nach ihren Features (0 bis 2) und nach ihrer "
        "Verteilung über die spurious prototypes (KL, nats), die FD-Align niedrig hält."
    )
    gradient = "Gradientennorm"
    rate = "Lernrate"
    moved = "Features bewegt"
    divergence = "Prototypen-Drift"
