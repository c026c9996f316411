"""The prototypes of the robustness lab, in German."""

from typing import ClassVar


class Prototypes:
    """The prototypes of the robustness lab."""

    title = "Was die Templates außer der Klasse sagen"
    text = (
        "Zeigt die spurious prototypes: was jedes Prompt-Template sagt, egal für welche Klasse. "
        "Templates weglassen, sehen, was aus Ausreißern und Clustern wird, und mit der Auswahl "
        "trainieren. Das dauert einmal ein paar Sekunden und wird behalten."
    )
    button = "Prototypen ansehen"
    waiting = "Der Textturm liest die Templates …"
    colour_by = "Farbe nach"
    by: ClassVar = {"use": "Verwendung", "cluster": "Cluster"}
    plane = "Ebene"
    summary = "Ausreißer und Cluster"
    over = "jedes über {n} Klassen gemittelt"
    as_run = "wie in diesem Lauf"
    again = "neu geschätzt"
    rows: ClassVar = {
        "included": "Einbezogene Templates",
        "kept": "Behalten",
        "odd": "Als Ausreißer weggelassen",
        "centres": "Cluster",
    }
    changed = "{n} Templates werden anders verwendet: {names}."
    changed_one = "Ein Template wird anders verwendet: {names}."
    changed_more = "{names} und {n} weitere"
    unchanged = "Kein anderes Template wird anders verwendet."
    estimating = "Ohne die ausgeschlossenen Templates wird neu geschätzt …"
    picture = "Templates in der Ebene"
    notes: ClassVar = {
        "tsne": "t-SNE: nahe Punkte sagen Ähnliches. Ein Zentrum steht zwischen seinen Templates.",
        "pca": "PCA: {explained} der Varianz. Ein Zentrum ist das Mittel seiner Templates.",
    }
    arrows = "Pfeile führen von einem Zentrum zu dem, das danach die meisten Templates teilt."
    label = (
        "{n} Templates in der Ebene von {plane}: {kept} behalten, {odd} als Ausreißer weggelassen, "
        "{centres} Cluster."
    )
    uses: ClassVar = {
        "kept": "behalten ({n})",
        "odd": "als Ausreißer weggelassen ({n})",
        "excluded": "ausgeschlossen ({n})",
        "centre": "Zentrum ({n})",
        "before": "Zentrum vorher ({n})",
    }
    use: ClassVar = {
        "kept": "behalten",
        "odd": "als Ausreißer weggelassen",
        "excluded": "ausgeschlossen",
    }
    columns: ClassVar = ("Template", "Verwendung", "Cluster")
    columns_again: ClassVar = (
        "Template",
        "Verwendung vorher",
        "Cluster",
        "Verwendung nachher",
        "Cluster",
    )
    choose = "Einzubeziehende Templates"
    filter = "Templates filtern"
    none = "Kein Template enthält dieses Wort."
    estimate = "Neu schätzen"
    everything = "Alle einbeziehen"
    use_in_run = "In einem neuen Lauf verwenden"
    used = "Das Formular des nächsten Laufs lässt {n} Templates weg."
    used_all = "Das Formular des nächsten Laufs bezieht alle Templates ein."
    no_method = "Keine Methode hier hat spurious prototypes."
    drift = "Trainings-Features zwischen den Prototypen"
    not_ready = (
        "Die Liste der Methoden ist noch nicht da. In ein paar Sekunden noch einmal versuchen."
    )
