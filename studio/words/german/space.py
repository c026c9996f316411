"""The feature space of the robustness lab, in German."""

from typing import ClassVar


class Space:
    """The feature space of the robustness lab."""

    tab = "Feature-Raum"
    title = "Wo die Bilder liegen"
    text = (
        "Legt die Bild-Features von Zero-shot-CLIP und vom gewählten α in eine Ebene und misst, "
        "wie weit Klassen und Domänen auseinanderliegen. Das dauert einmal ein paar Sekunden und "
        "wird behalten."
    )
    button = "Features abbilden"
    waiting = "Die Features beider Modelle werden abgebildet …"
    ends: ClassVar = {"zero-shot": "Zero-shot", "alpha": "Fine-tuned, beim gewählten α"}
    columns: ClassVar = {"zero-shot": "Zero-shot", "alpha": "α = {alpha}"}
    colour_by = "Farbe nach"
    by: ClassVar = {"class": "Klasse", "domain": "Domäne"}
    plane = "Ebene"
    planes: ClassVar = {"tsne": "t-SNE", "pca": "PCA"}
    apart = "Wie weit auseinander"
    groups: ClassVar = {"class": "Klassen", "domain": "Domänen"}
    apart_note = (
        "Mittlere Silhouette über Kosinus-Abstände im ganzen Raum, nicht in der Ebene: 1 ist weit "
        "auseinander, 0 ist aufeinander. Training soll die Klassen trennen und die Domänen "
        "beisammen lassen."
    )
    all_shown = "Alle {n} gemessenen Bilder sind zu sehen."
    part_shown = (
        "{n} von {measured} gemessenen Bildern sind zu sehen, gleichmäßig über Domänen und Klassen."
    )
    unmoved = "Diese Methode hat den Bildturm nicht verändert: beide Bilder sind gleich."
    few = "Für t-SNE sind es zu wenige Bilder."
    notes: ClassVar = {
        "tsne": "t-SNE bewahrt, wer wem nahe ist; Abstände zwischen Gruppen bedeuten wenig.",
        "pca": "PCA zeigt die zwei Richtungen größter Varianz: {explained} der ganzen.",
    }
    hardest = "Benannt sind die {n} Klassen, die beim gewählten α am wenigsten getrennt liegen."
    others = "andere Klassen ({n})"
    group: ClassVar = {"class": "Klasse", "domain": "Domäne"}
    separation = "Trennung"
    nearest = "nächste andere"
    label = "{end}: {n} Bilder nach {by} in der Ebene von {plane}. Trennung: {separation}."
