"""`vastmax lm`: language models, one file per command."""

from __future__ import annotations

import typer

from vastmax.cli.command import Group, add_command
from vastmax.cli.lm.generate import generate
from vastmax.cli.lm.next import next_word
from vastmax.cli.lm.perplexity import perplexity
from vastmax.cli.lm.race_search import race_search
from vastmax.cli.lm.score import score
from vastmax.cli.lm.train import train
from vastmax.cli.output import say
from vastmax.cli.shared_options import require_torch

lm = typer.Typer(name="lm", cls=Group, rich_markup_mode=None)


@lm.callback(invoke_without_command=True)
def _lm(context: typer.Context) -> None:
    """Train and use language models, with any encoder and any output method.

    \b
    Examples:
      vastmax lm train corpus.txt -o run
      vastmax lm train corpus.txt --encoder transformer --method adaptive -o run
      vastmax lm perplexity run test.txt
      vastmax lm next run "the cat sat on the"
    """
    if context.invoked_subcommand is None:
        say(context.get_help())


add_command(lm, "train", train, before=require_torch)
add_command(lm, "perplexity", perplexity)
add_command(lm, "score", score)
add_command(lm, "next", next_word)
add_command(lm, "generate", generate)
add_command(lm, "race-search", race_search)
