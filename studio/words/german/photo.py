"""One photo or a frame of the camera, asked about, in German."""

from typing import ClassVar


class Photo:
    """One photo or a frame of the camera, asked about."""

    lead = "Ein Foto ablegen. Es bleibt auf diesem Rechner und kommt nicht zu den Daten."
    drop = "Foto ablegen, einfügen oder wählen"
    asking = "Das Foto wird angesehen …"
    alt = "Das abgelegte Foto"
    familiar = (
        "Wie die Trainingsbilder: {similarity} zum nächsten, üblich sind {threshold} oder mehr."
    )
    abstain = (
        "Anders als die Trainingsbilder: {similarity} zum nächsten, unter den {threshold}, die "
        "{accepted} der zurückgehaltenen Bilder erreichen. Einer Antwort ist hier besser nicht zu "
        "trauen."
    )
    unknown = (
        "Wie vertraut dieses Foto ist, lässt sich nicht sagen: Der Lauf ist ein Ensemble, oder "
        "seine Daten liegen anderswo."
    )
    map = "Zeigen, wohin α geschaut hat"
    maps: ClassVar = {
        "rollout": "Attention Rollout über die Patches: ein Hinweis, kein Beweis.",
        "relevance": "Gradient mal Aktivierung für die erste Antwort: ein Hinweis, kein Beweis.",
    }
    no_map = "Diese Art von Turm ergibt keine Karte."
    look_closer = "Wohin hat das Modell gesehen? Dieses Bild öffnen"
    camera = "Kamera benutzen"
    camera_snap = "Foto aufnehmen"
    camera_close = "Kamera schließen"
    camera_sees = "Was die Kamera sieht"
    camera_none = (
        "An diesem Gerät fand sich keine Kamera. Stattdessen ein Foto hierher ziehen oder wählen."
    )
    camera_refused = (
        "Der Browser lässt diese Seite nicht an die Kamera. Neben der Adresse erlauben oder "
        "ein Foto hierher ziehen."
    )
    camera_busy = (
        "Die Kamera liefert kein Bild; vielleicht benutzt sie ein anderes Programm. Dieses beenden."
    )
    camera_insecure = (
        "Browser geben die Kamera nur sicheren Seiten: das Studio über https öffnen oder auf "
        "dem eigenen Rechner als localhost. Oder ein Foto hierher ziehen."
    )
