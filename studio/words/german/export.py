"""Export, in German."""

from typing import ClassVar


class Export:
    """The export place."""

    title = "Export"
    lead = (
        "Das Modell beim gewählten α, für andere Programme. Jedes wird in einem frischen Prozess "
        "geladen, und seine Ausgaben werden mit denen des Laufs verglichen, bevor es als geprüft "
        "gilt."
    )
    empty = "Noch nichts zu exportieren"
    empty_text = (
        "Zuerst einen Lauf beenden; sein Checkpoint und sein Protokoll stehen dann hier bereit."
    )
    artefact = "Artefakt"
    loads = "Lädt mit"
    size = "Größe"
    get = "Holen"
    formats: ClassVar = {
        "open_clip": (
            "open_clip-Checkpoint",
            "Gewichte des ganzen Modells bei α = {alpha}, mit den eigenen Klassen als Kopf.",
            "open_clip.create_model_and_transforms(…)",
        ),
        "onnx": (
            "ONNX",
            "Vom Bild zu Logits und Embedding in einer Datei; Vorverarbeitung und Klassennamen "
            "sind darin.",
            "onnxruntime.InferenceSession(…)",
        ),
        "huggingface": (
            "Hugging Face CLIPModel",
            "Beide Türme, Tokenizer und Image Processor, daneben die eigenen Klassen als Kopf.",
            "transformers.CLIPModel.from_pretrained(…)",
        ),
        "features": (
            "Features und Bilderliste",
            "Was der Encoder in jedem Bild sieht, je Split, und manifest.csv mit den Hashes.",
            "safetensors.safe_open(…)",
        ),
        "card": (
            "Model Card",
            "Daten, Methode, alle Zahlen mit n und Intervallen, wie α gewählt wurde, Grenzen.",
            "Markdown, für jeden Leser",
        ),
        "report": (
            "Bericht",
            "Eine Seite mit Diagrammen, Intervallen und Einstellungen. Sie öffnet sich ohne Server "
            "und ohne Netz.",
            "jeder Browser",
        ),
    }
    build = "Bauen"
    build_this = "Bauen: {title}"
    building = "Wird gebaut und geprüft …"
    download = "Herunterladen"
    download_this = "Herunterladen: {title}"
    verified = "geprüft"
    difference = "größte Abweichung {largest:.0e} ({output}), erlaubt {tolerance:.0e}"
    no_difference = "keine Abweichung"
    built = "gebaut"
    cannot = "Nicht für diesen Lauf: {reason}"
    files_title = "Dateien des Laufs"
    files: ClassVar = {
        "record": (
            "Protokoll des Laufs",
            "Jede Zahl dieses Laufs, seine Einstellungen und seine Umgebung, als JSON.",
        ),
        "config": (
            "Einstellungen",
            "Was eingereiht wurde, unverändert. Für evenkeel train --config.",
        ),
        "events": ("Ereignisse", "Alles, was der Lauf gemeldet hat, ein JSON-Objekt je Zeile."),
    }
    use_it = "Verwenden"
    how = "Wie es verwendet und wie es geprüft wurde"
    unpack = "Zuerst {name} hier entpacken"
    change_alpha = "α im Labor ändern"
    sha = "SHA-256"
