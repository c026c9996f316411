"""`doctor`: what is well, what is not, and what to do about it."""

from dataclasses import asdict

import typer

from core.errors import UserError
from studio.cli.output import AsJson, answering

app = typer.Typer()


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look at everything Evenkeel needs. Exit code 2 when something does not work."""
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
            "What to do stands beside each."
        )
