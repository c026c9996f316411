"""Compare, in German."""

from typing import ClassVar


class Compare:
    """Runs side by side."""

    title = "Vergleich"
    lead = "Welcher Lauf ist besser, und sagen das die Bilder oder ist es Zufall?"
    empty = "Noch nichts zu vergleichen"
    empty_text = "Läufe dieses Datensatzes lassen sich hier ankreuzen, sobald sie fertig sind."
    empty_watch = "Lauf ansehen"
    runs = "Fertige Läufe dieses Datensatzes"
    none_chosen = "Zwei Läufe ankreuzen: Mit dem zuerst angekreuzten werden die anderen verglichen."
    one_chosen = "Einen weiteren Lauf ankreuzen, um beide auf denselben Bildern zu testen."
    most = "Höchstens {n} Läufe stehen nebeneinander. Erst einen abwählen."
    clear = "Alle abwählen"
    gone = (
        "Diesen Lauf gibt es nicht mehr, oder sein Protokoll ist nicht lesbar. Bitte einen anderen "
        "wählen."
    )
    table = "Accuracy je Domäne"
    table_note = (
        "Unter jeder Accuracy: ihr 95‑%‑Intervall (Wilson); daneben die Änderung gegen Zero-shot. "
        "Das gewählte α ist das des Laufs, was auch immer der Regler im Labor jetzt sagt."
    )
    run = "Lauf"
    weight = "α"
    zero = "Zero-shot"
    chosen = "{alpha}, gewählt"
    tuned = "1,00, fine-tuned"
    mean_ood = "OOD-Mittel"
    again = "Mit anderem Seed einreihen"
    queued = "Eingereiht: {name}. Wenn er fertig ist, lässt er sich hier ankreuzen."
    elsewhere = (
        "Dieser Lauf wurde auf einem Ordner außerhalb des Studios trainiert. Wiederholen lässt er "
        "sich mit evenkeel train."
    )
    paired = "Auf denselben Bildern getestet"
    paired_wait = "Die Bilder werden einzeln durchgegangen …"
    retry = "Noch einmal"
    against = "{second} gegen {first}"
    same_answers = "{first} und {second} haben dieselben richtig ({images})."
    cannot_tell = "{first} und {second} lassen sich durch {images} nicht unterscheiden."
    better = "{second} hat {more} mehr richtig als {first} (insgesamt {images})."
    pooled: ClassVar = {"id": "Eigene Bilder (ID)", "ood": "Alle anderen Domänen (OOD)"}
    counts = "Zahlen je Domäne"
    columns: ClassVar = ("Domäne", "n", "nur {first}", "nur {second}", "Differenz", "95 %", "p")
    paired_note = (
        "Gewichte nach dem Fine-Tuning (α = 1). Nur Bilder, die genau einer der beiden richtig "
        "hat, können sie unterscheiden: p ist der exakte McNemar-Test, das Intervall der Differenz "
        "ist das von Tango."
    )
    many_tests = "{n} Tests stehen hier: Von 20 zwischen gleichen Läufen weicht einer zufällig ab."
    settings = "Was verschieden eingestellt war"
    setting = "Einstellung"
    same_settings = "Alle Einstellungen sind gleich."
    pareto = "ID gegen OOD"
    pareto_empty = (
        "Einen Lauf ankreuzen, der auf einer OOD-Domäne gemessen wurde: Ohne sie gibt es nichts "
        "abzuwägen."
    )
    pareto_note = (
        "Gefüllt: das gewählte α. Offen: α = 1. Balken: 95‑%‑Intervall. Die gepunktete Linie "
        "verbindet, was kein anderer Punkt auf beiden Seiten übertrifft."
    )
    pareto_line = "unübertroffen auf beiden"
    pareto_label = "{n} Läufe, ID- gegen OOD-Accuracy; unübertroffen auf beiden: {names}."
    pareto_columns: ClassVar = ("Lauf", "α", "ID", "95 %", "OOD-Mittel", "95 %", "unübertroffen")
    yes = "ja"
    no = "nein"
    combination = "{title} aus {n} Läufen"
    combined = (
        "Das ist eine Kombination von Läufen: Sie hat keinen Seed. Bitte ihre Mitglieder ankreuzen "
        "und kombinieren."
    )
    combine = "Daraus einen Lauf machen"
    combine_lead = (
        "Nichts wird noch einmal trainiert. Das Ergebnis ist ein Lauf wie jeder andere: mit α, "
        "Zahlen und Checkpoint."
    )
    combine_how = "Wie"
    combine_button = "Kombination einreihen"
    combine_none = "Erst Läufe ankreuzen: einen für eine Projektion, zwei oder mehr für einen Soup."
