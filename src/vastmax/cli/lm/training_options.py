"""The options of every command that trains language models."""

from __future__ import annotations

from typing import Annotated

import typer

HiddenSize = Annotated[int, typer.Option(metavar="INT", help="Numbers in a hidden vector.")]
EncoderOption = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="Such as num_layers=2; may be given several times.")
]
Valid = Annotated[list[str] | None, typer.Option(metavar="FILE", help="Validation text; may be given several times.")]
HeldOut = Annotated[
    float, typer.Option(metavar="FLOAT", help="Without --valid: the share at the end of CORPUS for it; 0 for none.")
]
MinCount = Annotated[int, typer.Option(metavar="INT", help="Words that are rarer than this are <unk>.")]
Streams = Annotated[int, typer.Option(metavar="INT", help="Parts of the text read side by side.")]
Stretch = Annotated[int, typer.Option(metavar="INT", help="Words of each part read at a time.")]
TableRate = Annotated[float, typer.Option(metavar="FLOAT", help="Learning rate of word vectors (row-wise Adagrad).")]
DenseRate = Annotated[float, typer.Option(metavar="FLOAT", help="Learning rate of all else (AdamW).")]
WeightDecay = Annotated[float, typer.Option(metavar="FLOAT", help="Of all else.")]
WarmupSteps = Annotated[int, typer.Option(metavar="INT", help="Steps over which the rates rise.")]
FinalShare = Annotated[float, typer.Option(metavar="FLOAT", help="Share of the rates left at the end.")]
MaxNorm = Annotated[float, typer.Option(metavar="FLOAT", help="Gradients are scaled down to this norm; 0 leaves them.")]
PartitionSize = Annotated[
    int, typer.Option(metavar="INT", help="For target-sampling: different words of a part of the text.")
]
Seed = Annotated[int, typer.Option(metavar="INT", help="Start of the random numbers.")]
Threads = Annotated[int | None, typer.Option(metavar="INT", help="Threads.  [default: one a core]")]
CheckpointMinutes = Annotated[
    float, typer.Option(metavar="FLOAT", help="Save so often; also at the ends of epochs, and on Ctrl-C.")
]
EncoderName = Annotated[
    str, typer.Option(metavar="NAME", help="What reads: log-bilinear, feed-forward, lstm, transformer.")
]
