"""`doctor`, `backup`, `restore`: commands for the person who runs the studio."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from core.errors import UserError
from jobs.settings import Settings
from studio.cli.output import AsJson, answering

app = typer.Typer()
Copy = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the copy.")]


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check everything that Evenkeel needs. Exit code 2 if something does not work."""
    from jobs.doctor import examine

    checks = examine()
    failed = [check.name for check in checks if check.state == "fail"]
    with answering(as_json) as answer:
        if as_json:
            answer({"healthy": not failed, "checks": [asdict(check) for check in checks]})
        else:
            for check in checks:
                print(f"{check.state:<4}  {check.name:<18}  {check.sentence}")
                if check.advice:
                    print(f"{'':<26}{check.advice}")
    if failed:
        raise UserError(
            f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}. "
            "Each says what to do."
        )


@app.command()
def backup(folder: Copy, as_json: AsJson = False) -> None:
    """Copy runs, data sets and ledger to a new folder. The studio may be running."""
    from jobs.doctor.results import address
    from jobs.ledger.backup import back_up

    settings = Settings()
    with answering(as_json) as answer:
        made = back_up(settings, folder)
        if as_json:
            answer(asdict(made))
            return
        print(f"{len(made.files)} files of {made.home} are in {folder}.")
        if address(settings, "database"):
            print("The ledger is on a server: copy it at the same time, with pg_dump.")


@app.command()
def restore(folder: Copy, as_json: AsJson = False) -> None:
    """Fill an empty data folder from a backup, after a check of every file in it."""
    from jobs.ledger.backup import restore as fill

    settings = Settings()
    with answering(as_json) as answer:
        taken = fill(settings, folder)
        if as_json:
            answer(asdict(taken))
            return
        print(f"{len(taken.files)} files are back in {settings.home}.")
        if taken.home != str(settings.home):
            print(f"Runs look for their images where they were, in {taken.home}: link it to here.")
