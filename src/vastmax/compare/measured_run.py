"""The run of one method at known rates: trained for the budget, measured during training and at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import nn

from vastmax.compare.findings import Findings
from vastmax.compare.measuring import Measuring, StopAskedError
from vastmax.compare.results import MethodResult, Point
from vastmax.language_model.run_folder import CHECKPOINT, FILES, LOG, RunFolder
from vastmax.language_model.text import SENTENCE_END, TrainingText
from vastmax.language_model.train import Progressed, Trainer
from vastmax.removing import remove_files
from vastmax.training.checkpoints import FolderCheckpoints
from vastmax.training.log import Log
from vastmax.training.pytorch.state_file import write_state
from vastmax.tree import Tree

TellProgress = Callable[[float, Mapping[str, float | str]], None]
"""Takes the share of the work that is done, and readings by name."""


class MeasuredRun:
    """Trains the model of a run folder and measures it.

    Measuring and saving do not count as training, neither in time nor in processor time.

    Args:
        folder: new, or with a checkpoint to resume from, which also contains the findings.
        text: the training text.
        measuring: of the validation text.
        findings: of the method so far.
        tree: of the method's output layer, if it uses one; saved in the folder.
        points: the number of measurements after the start, including the one at the end.
        device: for training.
        clock: seconds; for the budget.
        tell_progress: called after each step.
        stop: called after each step.
        save_minutes: between checkpoints during training.
    """

    def __init__(
        self,
        folder: RunFolder,
        text: TrainingText,
        measuring: Measuring,
        findings: Findings,
        *,
        tree: Tree | None,
        points: int,
        device: str,
        clock: Callable[[], float],
        tell_progress: TellProgress,
        stop: Callable[[], bool],
        save_minutes: float,
    ) -> None:
        self._folder, self._measuring, self._findings = folder, measuring, findings
        self._tell_progress = tell_progress
        # Perplexity falls fast at first, so measurements are closer together there. The one at the end is separate.
        self._due = [(number / points) ** 2 for number in range(points)]
        saved = folder.load_checkpoint() if (folder.path / CHECKPOINT).exists() else None
        self._model = folder.model.build(text.vocabulary, text.training, tree=tree).to(device)
        if saved is None:
            remove_files(folder.path, FILES)  # from a process that was killed before it saved anything
            folder.create()
            if tree is not None:
                folder.save_tree(tree)
            findings.forget_training()  # that process may have reported measurements
        self._log = Log(folder.path / LOG, resume=None if saved is None else saved["log"])
        self._trainer = Trainer(
            self._model,
            text.training,
            folder.settings,
            first_id=text.vocabulary.id(SENTENCE_END),
            after_step=self._after_step,
            after_epoch=self._log.epoch,
            stop=stop,
            clock=clock,
        )
        self._cpu_seconds, self._measured_at = 0.0, -1.0
        if saved is not None:
            self._trainer.load_state_dict(saved["trainer"])
            self._cpu_seconds, self._measured_at = saved["cpu_seconds"], saved["measured_at"]
            findings.result = MethodResult.from_json(saved["result"])
        else:
            self._trainer.prepared(findings.result.prepared_seconds)
            self._cpu_seconds = findings.result.prepared_cpu_seconds
        self._saving = FolderCheckpoints(folder.path / CHECKPOINT, minutes=save_minutes, at_epoch_ends=False)

    def run(self) -> None:
        """Run to the end, and add the results to the findings.

        Raises:
            StopAskedError: told to stop; the state is saved.
            TrainingFailedError: a loss, gradient, parameter or perplexity is not finite.
        """
        head = self._model.head
        self._findings.add(
            parameters=_size(self._model), output_parameters=_size(head.output), normalised=head.normalised
        )
        try:
            self._measure_if_due()  # before the first step, or one that was interrupted
            self._cpu_mark = time.process_time()
            self._trainer.run(self._saving, self._write)
            if not self._trainer.finished:
                raise StopAskedError
            self._end()
        except StopAskedError:
            self._saving.save(self._write)
            raise
        finally:
            self._log.close()

    def _after_step(self, progressed: Progressed, loss: float) -> None:
        self._cpu_seconds += time.process_time() - self._cpu_mark
        self._log.step(progressed, loss)
        self._tell_progress(self._trainer.done, {"loss": loss})
        self._measure_if_due()
        self._cpu_mark = time.process_time()

    def _measure_if_due(self) -> None:
        done = self._trainer.done
        if any(self._measured_at < share <= done for share in self._due):
            point = self._point(self._measuring.curve_nats(self._model))
            self._measured_at = done
            self._findings.add(curve=(*self._findings.result.curve, point), **self._spent())

    def _end(self) -> None:
        self._folder.save_model(self._model)
        before = self._findings.result
        sampled = None if self._measuring.sample_is_whole else self._measuring.curve_nats(self._model)
        figures = self._measuring.at_the_end(self._model)
        last = self._point(figures["nats"] if sampled is None else sampled)
        self._findings.add(curve=(*before.curve, last), **self._spent(), **figures)

    def _point(self, nats: float) -> Point:
        progressed = self._trainer.progressed
        return Point(progressed.training_seconds, self._cpu_seconds, progressed.words, nats)

    def _spent(self) -> dict[str, float]:
        progressed = self._trainer.progressed
        return {
            "training_words": progressed.words,
            "training_seconds": progressed.training_seconds,
            "training_cpu_seconds": self._cpu_seconds,
        }

    def _write(self, path: Path) -> None:
        self._trainer.check_finite()
        self._findings.add(**self._spent())
        state = {
            "trainer": self._trainer.state_dict(),
            "log": self._log.state,
            "cpu_seconds": self._cpu_seconds,
            "measured_at": self._measured_at,
            "result": self._findings.result.to_json(),
        }
        write_state(path, state)
        self._cpu_mark = time.process_time()


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
