"""Class names that are not words get a warning and a suggestion; words of any language do not."""

import pytest

from core.data.curation import rename
from core.data.health import check
from core.data.health.codes import kind_of, kinds_of
from core.data.health.names import notes, proposals, read_by, unseen_by
from core.data.ingest import open_dataset
from core.data.prompts import OPENAI_80
from core.models import zoo
from core.results.untrained import NamesAsRead

NO_WORDS = {
    "wordnet-id": "n02084071 n02084071-dog N99999999",
    "number": "0 007 12_3 2021-03-04 ١",
    "letter": "a B б",
    "placeholder": "class_3 c1 label-12 cls7 Type_1 S012 id_9 3_class type-b category_12 ID00042",
    "code": "IMG_01 sku-8841 SN1234X DSC00123 AB12345 A1B2C3 3f2a9c1b PXL_20230101 "
    "d41d8cd98f00b204e9800998ecf8427e 550e8400-e29b-41d4-a716-446655440000",
    "garbled": "caf├⌐ Ã©t caf\ufffd crÃ¨me",
    "no-letter": "___ --- ? 🦊",
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in NO_WORDS for name in NO_WORDS[kind].split()]
)
def test_what_is_no_word_is_known_for_what_it_is(kind, name):
    assert kind_of(name) == kind


WORDS = """
dog; red fox; ox; iPhone; McDonalds; T-shirt; 6-pack; Boeing 747-400; DC-10; Mazda CX-5; 7up;
covid-19; café; 狐; кошка; γάτα; 고양이; قطة; แมว; book-or-paper; 3D printer; 4x4; H2O; CO2; MP3;
R2D2; F-16; F16; B-52; A310; AK-47; ak47; PS5; GTX1080; iPhone 14; MP4-12C; Vitamin C; C++; C#;
50 cent; V8; Euro 2012; type 2 diabetes; photo; label; item; number plate; stage 1; L-1011;
WH-1000XM4; 1st place; U2; Windows 95; no; facade; Q7; Tシャツ; DNA; formula 1; melanoma; deadbeef
"""


@pytest.mark.parametrize("name", [word.strip() for word in WORDS.split(";")])
def test_words_get_no_warning(name):
    assert kind_of(name) == ""


def test_letters_that_count_are_placeholders_and_planes_are_none():
    assert kinds_of(["C1", "C2", "C3", "dog"]) == ["placeholder"] * 3 + [""]
    assert kinds_of(["F14", "F15", "F16", "B1", "B2", "B52"]) == [""] * 6


def test_no_name_of_imagenet_is_doubted():
    from open_clip import IMAGENET_CLASSNAMES

    assert not any(kinds_of(IMAGENET_CLASSNAMES))


def test_words_are_offered_where_they_are_known_and_are_nobody_elses():
    names = ["n02012849", "n03126707", "caf├⌐", "Ã©t", "ét", "c1", "dog"]
    offered = ["crane (wading bird)", "crane (lifting device)", "café", "", "", "", ""]
    assert proposals(names, kinds_of(names)) == offered


def findings(root):
    found = check(open_dataset(root)).findings
    return {one.kind: one for one in found if one.kind.startswith("class-names")}


def test_numbers_are_said_with_the_prompt_that_they_make(tree):
    root = tree({"0": 9, "1": 9, "dog": 9})
    (found,) = findings(root).values()
    assert (found.kind, found.level) == ("class-names", "warning")
    assert found.title == "2 of 3 class names are not words"
    assert "0, 1 (numbers)" in found.detail
    assert "'a photo of a 0.'" in found.detail
    assert found.names == (("0", "0", ""), ("1", "1", ""))
    rename(open_dataset(root), {"0": "zero", "1": "one"})
    assert findings(root)["class-names"].level == "pass"


def test_codes_that_were_read_are_said_until_a_person_keeps_the_words(tree):
    root = tree({"n02123045": 9, "AnnualCrop": 9, "dog": 9})
    dataset = open_dataset(root)
    assert dataset.names == ("Annual Crop", "dog", "tabby")
    (found,) = findings(root).values()
    assert (found.kind, found.level) == ("class-names-read", "warning")
    assert "'n02123045' is called 'tabby'" in found.detail
    assert found.names == (
        ("AnnualCrop", "AnnualCrop", "Annual Crop"),
        ("n02123045", "n02123045", "tabby"),
    )
    rename(dataset, {folder: words for folder, _, words in found.names})
    assert findings(root)["class-names"].level == "pass"
    assert open_dataset(root).names == dataset.names


def test_a_code_that_was_written_by_hand_is_kept_and_doubted(tree):
    root = tree({"cat": 9, "dog": 9})
    rename(open_dataset(root), {"cat": "n02123045"})
    assert open_dataset(root).names == ("n02123045", "dog")
    assert findings(root)["class-names"].names == (("cat", "n02123045", "tabby"),)


def test_names_that_differ_in_case_alone_are_said(tree):
    root = tree({"cat": 9, "dog": 9})
    rename(open_dataset(root), {"dog": "Cat"})
    assert "'cat' = 'Cat'" in findings(root)["class-names-alike"].detail


# What the embedded model's text tower reads: 24 tokens, two of which are its own. ---------------

LONG = (
    "a small brown bird with a streaked breast and a conical beak that was seen on a thin branch, "
)


@pytest.fixture(scope="module")
def tokenize():
    return zoo.load("embedded").tokens


def test_names_that_differ_behind_the_last_token_are_the_same(tokenize):
    read = read_by([LONG + "finch", LONG + "siskin", "owl"], OPENAI_80, tokenize)
    assert read.length == 24
    assert read.alike == ((LONG + "finch", LONG + "siskin"),)
    (found,) = unseen_by(NamesAsRead.model_validate_json(read.model_dump_json()), "embedded")
    assert found.kind == "class-names-alike"
    assert "the first 24 tokens" in found.title


def test_names_that_the_tokenizer_makes_one_are_the_same(tokenize):
    read = read_by(["Cat", "cat", "café", "cafe", "C++", "C"], ["a {}."], tokenize)
    assert (read.alike, read.cut) == ((("Cat", "cat"),), ())
    (found,) = unseen_by(read, "embedded")
    assert "the same to the tokenizer of embedded" in found.title


def test_the_template_takes_its_share(tokenize):
    words = " ".join(["red"] * 15)
    names = [f"{words} fox", f"{words} owl"]
    long = "it is what they call, as far as anyone here knows, the {}."
    assert read_by(names, ["a {}."], tokenize).cut == ()
    read = read_by(names, ["a {}.", long], tokenize)
    assert (read.alike, read.alike_in_long, read.cut) == ((), (tuple(names),), tuple(names))
    (found,) = unseen_by(read, "embedded")
    assert "of the longest template" in found.title


@pytest.mark.parametrize(("words", "is_cut"), [(21, False), (22, False), (23, True)])
def test_a_name_that_just_fits_is_not_cut(tokenize, words, is_cut):
    name = " ".join(["fox"] * words)
    read = read_by([name, "owl"], ["{}"], tokenize)
    assert (name in read.cut) == is_cut
    assert read.alike == ()
    assert [found.kind for found in unseen_by(read, "m")] == ["class-names-cut"] * is_cut


def test_notes_say_both_and_nothing_of_words(tokenize):
    assert notes(["fox", "owl"], read_by(["fox", "owl"], OPENAI_80, tokenize)) == ()
    names = ["0", "1", "Fox", "fox"]
    said = notes(names, read_by(names, OPENAI_80, tokenize))
    assert len(said) == 2
    assert "are not words" in said[0]
    assert "the same to the tokenizer" in said[1]
