"""A wrong encoding is detected and repaired; words of any language stay."""

import pytest

from core.data.mojibake import is_garbled, reading

WORDS = {
    "café": ("utf-8", "cp437"),
    "crème brûlée": ("utf-8", "cp1252"),
    "été": ("utf-8", "latin-1"),
    "mañana": ("utf-8", "mac_roman"),
    "Käse": ("utf-8", "cp850"),
    "Größe": ("cp1252", "cp437"),
    "für": ("cp437", "latin-1"),
    "кошка": ("utf-8", "latin-1"),
    "Кошка": ("utf-8", "cp1251"),
    "лиса": ("cp866", "cp437"),
    "собака": ("cp1251", "latin-1"),
    "キツネ": ("utf-8", "latin-1"),
    "ネコ": ("cp932", "cp437"),
    "狐狸": ("utf-8", "cp437"),
}


@pytest.mark.parametrize(("word", "how"), WORDS.items())
def test_a_name_read_in_a_wrong_encoding_is_read_rightly(word, how):
    written, seen = how
    garbled = word.encode(written).decode(seen)
    assert is_garbled(garbled)
    assert reading(garbled) == word


MADE = {
    "caf├⌐": "café",
    "Ã©t": "ét",
    "caf%C3%A9": "café",
    "red%20fox": "red fox",
    "caf#U00e9": "café",
    "caf\udce9": "café",
    "cafΘ": "café",
    "caf‚": "café",
}


@pytest.mark.parametrize(("name", "meant"), MADE.items(), ids=ascii)
def test_what_unzip_and_others_make_of_a_letter_is_undone(name, meant):
    assert (is_garbled(name), reading(name)) == (True, meant)


def test_what_is_lost_is_garbled_and_nothing_is_made_up():
    assert is_garbled("caf\ufffd")
    assert reading("caf\ufffd") is None


LANGUAGES = """
café; crème; naïve; für; Straße; ñandú; 狐; 猫; キツネ; Tシャツ; кошка; γάτα; 고양이; قطة; חתול;
แมว;
कुत्ता; Ångström; façade; Łódź; İstanbul; Việt; μm; β-carotene; 4×4; C++; Ærø; œuf; ÉTÉ; Đồng; Þór;
Dvořák; Škoda; ŠKODA; L’Oréal; Àé; señor; ôté; Pokémon; ДОМ; №1; «ёж»; 東京タワー; ｶﾅ; £1; ¥100;
100%; rock'n'roll; AK-47; Mötley; Übergröße; Noël; Zoë; Curaçao; piñata; smörgåsbord
"""


@pytest.mark.parametrize("name", [word.strip() for word in LANGUAGES.split(";")])
def test_words_of_all_languages_are_not_garbled(name):
    assert not is_garbled(name)
    assert reading(name) is None
