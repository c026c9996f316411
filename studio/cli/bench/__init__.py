"""`evenkeel bench`: the figures in the docs, reproduced."""

import typer

from studio.cli.bench import methods, speed, strain

app = typer.Typer()
bench = typer.Typer(help="Reproduce the figures that the docs state.", no_args_is_help=True)
app.add_typer(bench, name="bench")
for part in (methods, speed, strain):
    bench.add_typer(part.app)
