"""Data, in German."""

from typing import ClassVar


class Data:
    """The data place."""

    title = "Daten"
    start = "Mit den eigenen Bildern beginnen"
    lead = (
        "Evenkeel trainiert CLIP mit einer Handvoll gelabelter Bilder nach und zeigt bei jedem "
        "Schritt, was das mit Bildern macht, die anders aussehen."
    )
    points: ClassVar = (
        (
            "Zuerst Zero-shot",
            "Vor jedem Training wird gemessen, was CLIP schon kann. Das gilt es zu schlagen.",
        ),
        (
            "Zwei Arten von Bildern",
            "Die eigenen (in-distribution, ID) und dieselben Klassen in anderem Stil, mit anderer "
            "Kamera oder zu anderer Jahreszeit (out-of-distribution, OOD).",
        ),
        (
            "Ein Regler",
            "Nach dem Training wird gewählt, wie viel vom Fine-Tuning bleibt, und genau dieses "
            "Modell exportiert.",
        ),
    )
    demo_title = "Die Demo ausprobieren"
    demo_text = (
        "Alltägliche Dinge, von verschiedenen Händen gezeichnet. Ein Stil zum Trainieren, die "
        "anderen zeigen, was kaputtgeht."
    )
    demo_button = "Demo öffnen"
    demo_note = "Gehört zu Evenkeel, geht ohne Netz"
    drop_title = "Eigene Bilder verwenden"
    drop_text = "Einen Ordner mit einem Unterordner je Klasse ablegen, oder ein zip davon."
    drop_id = "Gelabelte Bilder hinzufügen"
    drop_ood = "OOD-Domäne hinzufügen"
    drop_id_text = "Ein Ordner je Klasse; mehr Bilder der Klassen, auf denen trainiert wird."
    drop_ood_text = (
        "Dieselben Klassenordner in anderem Stil. Darauf wird nie trainiert, nur gemessen."
    )
    pick_folder = "Ordner wählen"
    pick_zip = "oder ein zip"
    example_id = "tiere/\n├ Tigerkatze/   16 jpg\n└ Rotfuchs/     16 jpg"
    example_ood = "skizzen/\n├ Tigerkatze/   16 jpg\n└ Rotfuchs/     16 jpg"
    upload = "der Upload"
    lost_upload = (
        "Dieser Upload ist nicht mehr auf dem Server. Bitte den Ordner noch einmal ablegen."
    )
    too_large = (
        "Ein Upload darf {limit} MiB bringen. Bitte in Teilen senden oder die Bilder verkleinern."
    )
    full = "Ein Arbeitsbereich darf {limit} MiB behalten, und mit diesem Upload wäre es mehr."
    disk_full = "Die Festplatte dieses Studios ist voll. Bitte dem Besitzer sagen."
    demo_is_shared = (
        "Die Demo gehört allen hier, darum lässt sich ihr nichts hinzufügen. Eigene Bilder bitte "
        "als neuen Datensatz ablegen."
    )
    no_demo = "Der Besitzer dieses Studios hat die Demo verändert. Bitte eigene Bilder ablegen."
    unknown_data = (
        "Einen Datensatz {name!r} gibt es hier nicht. Bitte einen anderen öffnen oder einen Ordner "
        "ablegen."
    )
    unknown_image = "Ein solches Bild gibt es in diesem Datensatz nicht."
    summary = "{images} · {classes} · {domains}."
    verdict = (
        "Zero-shot-CLIP erreicht auf den eigenen Bildern schon {accuracy} (95‑%‑Intervall "
        "{interval}, n = {n}): Das gilt es zu schlagen."
    )
    verdict_wait = "Es wird gemessen, was CLIP vor jedem Training kann …"
    verdict_first = (
        "Beim ersten Mal dauert es ein paar Sekunden: Das Modell wird geladen und jedes Bild "
        "einmal gelesen."
    )
    next = "Weiter zum Training"
    classes = "Klassen"
    zero_title = "Zero-shot-Accuracy"
    zero_sub = "vor jedem Training"
    second_row = "Zweite Reihe:"
    zero_note = "Balken zeigen das 95‑%‑Intervall (Wilson). Accuracy auf allen Bildern der Domäne."
    id_role = "ID"
    domain_titles: ClassVar = {"train": "Training", "val": "Valid.", "test": "Test"}
    health = "Zustand der Daten"
    health_wait = "Jedes Bild wird angesehen …"
    understood = "Wie die Ordner gelesen wurden"
    nothing_ignored = "Keine Datei wurde ausgelassen."
    model = "Modell"
    model_help = (
        "Das eingebaute Demo-Modell, ein open_clip-Name als ARCHITEKTUR/PRETRAINED oder der Pfad "
        "eines Checkpoints."
    )
    templates = "Prompts"
    retry = "Noch einmal"
    few = "wenige Bilder"

    exclude_n = "{n} ausschließen"
    exclude = "Ausschließen"
    include = "Wieder aufnehmen"
    include_all = "Alle wieder aufnehmen"
    review = "Ansehen"
    excluded = "Von Hand ausgeschlossen ({n})"
    excluded_note = "Nichts wurde gelöscht: Sie bleiben im Ordner des Datensatzes."
    allow_leaks = "Ohne sie trainieren"
    leaks_allowed = "Das Training darf ohne sie weitergehen; jeder Lauf sagt es dann."
    ask_again = "Training wieder sperren"
    more_shown = "Die ersten {shown} von {n} sind zu sehen."
    more_classes = "Mehr Klassen zeigen"
    open_class = "Klasse {name} öffnen"
    close = "Schließen"
    class_name = "Name in Prompts"
    save = "Speichern"
    prompt = "Prompt: {text}"
    class_folder = "Ordner {folder}"
    choose = "{path} wählen"
    move_to = "Verschieben nach"
    move = "Verschieben"
    nothing_chosen = "Erst Bilder wählen: das Kästchen unter jedem ankreuzen."
    templates_own = "Prompts dieses Datensatzes"
    templates_help = "Einer je Zeile, mit {} an der Stelle des Klassennamens. Leer: die üblichen."
    group_by = "Bilder zusammenhalten"
    group_help = (
        "Bilder einer Gruppe, etwa die eines Videos, werden nie auf Training, Validierung und Test "
        "verteilt."
    )
    groupings: ClassVar = {
        "none": "Keine Gruppen",
        "prefix": "Nach Dateiname, bis zur letzten Zahl",
        "folder": "Nach Ordner innerhalb der Klasse",
        "time": "Nach Aufnahmezeit (EXIF)",
    }
    settings = "Prompts und Gruppen"
    delete = "Diesen Datensatz löschen"
    delete_sure = (
        "Diesen Datensatz und seine Bilder aus dem Studio löschen? Das lässt sich nicht rückgängig "
        "machen."
    )
    in_use = (
        "Ein Lauf benutzt diesen Datensatz, darum bleibt er. Seine Bilder werden gebraucht, um den "
        "Lauf zu messen."
    )
    not_yours = "Dieser Datensatz gehört allen hier, darum lässt er sich nicht ändern."
    stress = "Stress-Set"
    stress_sub = "synthetisch, eingebaut"
    stress_lead = (
        "Noch gibt es keine OOD-Domäne, darum werden Läufe auch an diesen acht Veränderungen der "
        "Testbilder gemessen. Sie zählen zu keiner OOD-Zahl und stehen für keinen echten Ort: eine "
        "eigene OOD-Domäne, unten hinzugefügt, tritt an ihre Stelle."
    )
    stress_alt = "Eines der Bilder unter dem Effekt {effect}"
    stress_unknown = "nach einem Lauf"
    stress_note = (
        "Zero-shot-Genauigkeit auf jedem, vom neuesten Lauf mit diesem Modell und diesen Prompts. "
        "Das Labor zeigt sie neben dem fine-getunten Modell."
    )


class Drop:
    """What the drop zone says while it works (used in the browser)."""

    sending = "{done} von {all} Dateien werden gesendet"
    reading = "Die Ordner werden gelesen …"
    failed = "Der Upload ist abgebrochen."
