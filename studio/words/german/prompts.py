"""The prompt editor of Train, in German."""


class Prompts:
    """Templates and what they score."""

    title = "Prompts"
    templates = "Templates"
    of_data = "die des Datensatzes"
    usual = "die üblichen (openai-80)"
    own = "eigene"
    lines = "Eines pro Zeile, {} steht für den Klassennamen"
    filled = "Mit Klassennamen darin"
    more = "und {n} weitere"
    score = "Zero-shot, {side}"
    change = "{change} gegenüber denen des Datensatzes"
    measuring = "wird gemessen …"
    help = (
        "Für diesen Lauf: Zero-shot-Start und Klassenkopf. Gemessen wird, sobald das Tippen "
        "aufhört. Wer Prompts nach der Test-Accuracy wählt, macht diese zu günstig."
    )
    other_prototypes = (
        "Diese Methode bildet ihre spurious prototypes aus {set}, egal welche Prompts oben stehen."
    )
    use_for_prototypes = "Aus diesen Prompts bilden"
    prototypes = "Spurious prototypes vor dem Training"
    prototypes_wait = "Die Prompts werden gelesen …"
