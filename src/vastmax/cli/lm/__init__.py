"""`vastmax lm`: language models, one file a command."""

from __future__ import annotations

import typer

from vastmax.cli.lm.generate import generate
from vastmax.cli.lm.next import next_word
from vastmax.cli.lm.perplexity import perplexity
from vastmax.cli.lm.score import score
from vastmax.cli.lm.train import train
from vastmax.cli.option_names import Command

lm = typer.Typer(
    name="lm",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Train and use language models, with any encoder and any output method.

    \b
    Examples:
      vastmax lm train corpus.txt -o run
      vastmax lm train corpus.txt --encoder transformer --method adaptive -o run
      vastmax lm perplexity run test.txt
      vastmax lm next run "the cat sat on the"
    """,
)
lm.command("train", cls=Command)(train)
lm.command("perplexity", cls=Command)(perplexity)
lm.command("score", cls=Command)(score)
lm.command("next", cls=Command)(next_word)
lm.command("generate", cls=Command)(generate)
