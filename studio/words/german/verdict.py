"""What a run gained and what it cost, in German."""


class Verdict:
    """One sentence each, and its parts."""

    gain = (
        "Bei α = {alpha} geht die Accuracy auf den eigenen Bildern von {zero} auf {now} "
        "({change}, n = {n})"
    )
    no_ood = "{gain}. Ohne OOD-Bilder kann niemand sagen, was das anderswo gekostet hat."
    whole = "{gain}; {elsewhere}."
    alone = "Fine-Tuning allein (α = 1) hätte daraus {change} gemacht."
    fallen = (
        "die anderen Domänen ändern sich im Mittel um {change}, und deutlich unter Zero-shot "
        "gefallen: {names}"
    )
    gained = "die anderen Domänen gewinnen im Mittel {change}"
    lost = "die anderen Domänen verlieren im Mittel {change}, innerhalb ihrer Intervalle"
    held = "die anderen Domänen halten sich (im Mittel {change})"
    keep_zero_shot = (
        "Auf den Validierungsbildern war keine Mischung besser als Zero-shot, also ist α = 0 "
        "gewählt: das reine CLIP. Fine-Tuning allein (α = 1) zeigt {gain}; mehr "
        "Validierungsbilder könnten beides unterscheiden."
    )
    keep_id = "{id} auf den eigenen Bildern"
    keep_both = "{id} auf den eigenen Bildern und {ood} auf den anderen Domänen"
    same_answers = "Beide haben dieselben richtig ({images})."
    cannot_tell = "Durch {images} lassen sich diese beiden Läufe nicht unterscheiden."
    more = "{images} mehr richtig, von {n}."
    fewer = "{images} weniger richtig, von {n}."
