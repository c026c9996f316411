"""`evenkeel methods` and `evenkeel models`: what there is, with every knob."""

from typing import Annotated

import typer

from core.spelling import word
from studio.cli.output import AsJson, answering, table

app = typer.Typer()


@app.command()
def methods(
    as_json: AsJson = False,
    guide: Annotated[bool, typer.Option(help="Print docs/methods.md instead.")] = False,
) -> None:
    """Every method with its paper and its knobs."""
    from jobs.checking import catalogue
    from studio.train.guide import guide as written

    with answering(as_json) as answer:
        found = catalogue()["methods"]
        if guide:
            print(written(found, catalogue()["interpolators"]), end="")
            return
        if as_json:
            answer(found)
            return
        for method in found:
            print(f"{method['name']}: {method['title']} ({method['paper']})")
            print(f"  {method['summary']}")
            for knob in method["knobs"]:
                print(f"    --set {knob['name']}={word(knob['default'])}  {knob['help']}")


@app.command()
def models(as_json: AsJson = False) -> None:
    """The models to start with; any other open_clip name works as well."""
    from core.models.names import catalogue

    with answering(as_json) as answer:
        found = catalogue()
        if as_json:
            answer(found)
        else:
            table(("name", "what it is"), [(model["name"], model["note"]) for model in found])
