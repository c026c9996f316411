"""Charts, in German."""

from typing import ClassVar


class Charts:
    """Keys, axes, tables, and what a chart is called for who cannot see it."""

    table = "Tabelle"
    epoch = "Epoche"
    epoch_shown = "Gezeigte Epoche"
    step = "Schritt"
    each_step = "jeder Schritt"
    smoothed = "geglättet"
    loss = "Loss"
    loss_label = "Trainings-Loss über {n} Schritte, jetzt {loss}."
    accuracy_columns: ClassVar = ("Domäne", "Schritt", "Accuracy", "gegen Zero-shot", "n")
    accuracy_label = "Accuracy je Domäne bei Schritt {step}: {domains}."
    at_step = "Schritt {step}"
    domain_columns: ClassVar = ("Domäne", "Zero-shot", "jetzt", "Änderung", "95‑%‑Intervall", "n")
    every_alpha = "jedes α"
    this_alpha = "dieses α"
    ends: ClassVar = {"zero-shot": "Zero-shot", "fine-tuned": "fine-tuned"}
    id_axis = "Accuracy auf den eigenen Bildern (ID), %"
    ood_axis = "mittlere OOD-Accuracy, %"
    alpha_axis = "α, %"
    frontier_label = "{title}: {n} gemessene Punkte."
    template = "Template ({n})"
    odd = "ausgelassen ({n})"
    centre = "Zentrum ({n})"
    image = "Bild"
    way = "Weg seit Epoche 0"
    class_mean = "Klassenmittel"
    kept = "behalten"
    left_out = "ausgelassen"
    prototypes_columns: ClassVar = ("Template", "Verwendung", "Cluster")
    prototypes_label = (
        "{kept} Prompt-Templates behalten, {odd} als Ausreißer ausgelassen, {centres} "
        "Cluster-Zentren; Trainings-Features nach Epoche {epoch}."
    )
    sure_and_right = "{sure} sicher, {right} richtig"
    effects: ClassVar = {
        "night": "Nacht",
        "blur": "Unschärfe",
        "jpeg": "JPEG",
        "grey": "Grau",
        "sketch": "Skizze",
        "noise": "Rauschen",
        "crop": "Ausschnitt",
        "background": "Hintergrund",
    }
