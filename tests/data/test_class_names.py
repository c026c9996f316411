"""Codes become words if that is safe; words stay, and no two classes get the same name."""

import hashlib
import json

import pytest

from core.data.class_names import class_names, names_of
from core.embedded import assets


def called(*folders, **given):
    return class_names(folders, [given.get(folder) for folder in folders])


ALONE = {
    "n02123045": "tabby",
    "N02099601": "golden retriever",
    "n02084071-dog": "dog",
    "n02084071_dog": "dog",
    "n02116738-African_hunting_dog": "African hunting dog",
    "n02084071_0017": "dog",
    "Labrador-n02099712": "Labrador",
    "dog.n.01": "dog",
    "001.Black_footed_Albatross": "Black footed Albatross",
    "007_James_Bond": "James Bond",
    "class_3_dog": "dog",
    "RedFox": "Red Fox",
    "redFox": "red fox",
    "AnnualCrop": "Annual Crop",
    "HerbaceousVegetation": "Herbaceous Vegetation",
    "012.RedFox": "Red Fox",
    "BirdOfParadise": "Bird Of Paradise",
    "MRIScan": "MRI Scan",
    "WasserÜberlauf": "Wasser Überlauf",
    "red_fox": "red fox",
}


@pytest.mark.parametrize(("folder", "name"), ALONE.items())
def test_a_code_is_called_what_it_means(folder, name):
    assert called(folder, "thing") == (name, "thing")


STAY = """
iPhone; McDonalds; MacBook; YouTube; OpenAI; EuroSAT; FedEx; DVDs; LaTeX; eBay; PlayStation;
GitHub; T-shirt; 6-pack; 7up; 747-400; Boeing 747-400; DC-10; Mazda CX-5; covid-19; 3D printer;
18 wheeler; 50 cent; ox; 狐; café; n99999999; 0.5 litre; 2-door; St.Bernard; A1; mRNA; x86; 4x4
"""


@pytest.mark.parametrize("folder", [word.strip() for word in STAY.split(";")])
def test_words_brands_and_what_nobody_knows_stay_as_they_are(folder):
    assert called(folder, "thing") == (folder, "thing")


COUNTED = {
    ("0_cat", "1_dog"): ("cat", "dog"),
    ("1-cat", "2-dog", "3-owl"): ("cat", "dog", "owl"),
    ("102.helicopter", "145.motorbikes"): ("helicopter", "motorbikes"),
    ("1_cent", "2_cent", "1_euro", "2_euro"): ("1 cent", "2 cent", "1 euro", "2 euro"),
    ("1_dollar", "2_euro", "5_pound"): ("1 dollar", "2 euro", "5 pound"),
    ("2_door", "4_door"): ("2 door", "4 door"),
    ("1_cat", "2_dogs"): ("1 cat", "2 dogs"),
    ("0_cat", "1_dog", "owl"): ("0 cat", "1 dog", "owl"),
}


@pytest.mark.parametrize(("folders", "names"), COUNTED.items())
def test_a_number_goes_where_it_counts_the_classes(folders, names):
    assert called(*folders) == names


ALIKE = {
    ("n02012849", "n03126707"): ("crane (wading bird)", "crane (lifting device)"),
    ("n02012849", "crane"): ("crane (wading bird)", "crane"),
    ("n03710637", "n03710721"): ("maillot (tights)", "tank suit"),
    ("RedFox", "red_fox"): ("RedFox", "red fox"),
    ("001.fox", "002.fox"): ("001.fox", "002.fox"),
    ("fox", "n02118333-fox"): ("fox", "n02118333-fox"),
}


@pytest.mark.parametrize(("folders", "names"), ALIKE.items())
def test_no_two_classes_become_one(folders, names):
    assert called(*folders) == names


def test_a_given_name_is_taken_as_it_is_and_the_others_keep_clear_of_it():
    assert called("n02123045", "b", n02123045="n02123045") == ("n02123045", "b")
    assert called("RedFox", "b", b="red fox") == ("RedFox", "red fox")
    assert called("b", "n02012849", b="Crane") == ("Crane", "crane (wading bird)")


def test_all_of_imagenet_is_named_in_its_own_words():
    from open_clip import IMAGENET_CLASSNAMES
    from timm.data import ImageNetInfo

    ids = ImageNetInfo("imagenet-1k").label_names()
    names = called(*ids)
    assert len({name.lower() for name in names}) == 1000
    same = sum(a.lower() == b.lower() for a, b in zip(names, IMAGENET_CLASSNAMES, strict=True))
    assert same >= 700, "of the names that CLIP's authors chose by hand"
    assert called(*IMAGENET_CLASSNAMES) == tuple(IMAGENET_CLASSNAMES)


def test_wordnet_knows_the_nouns_of_version_3_0():
    assert next(names_of(2084071)) == "dog"
    assert list(names_of(2012849))[:2] == ["crane", "crane (wading bird)"]
    assert list(names_of(3793489))[:1] == ["computer mouse"], "what `mouse` mostly is, is an animal"
    assert not list(names_of(2084072))
    assert not list(names_of(10**9))


def test_the_nouns_are_those_that_were_built():
    stated = json.loads((assets() / "manifest.json").read_text("utf-8"))["outputs"]
    name = "wordnet/nouns.txt.xz"
    assert hashlib.sha256((assets() / name).read_bytes()).hexdigest() == stated[name]["sha256"]
