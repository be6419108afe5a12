"""A race on disk: the results so far, the methods' runs, and, while it runs, the text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vastmax.atomic import replacing
from vastmax.compare.results import FORMAT, WITHOUT_CHECKSUM, Race
from vastmax.content.looking import not_expected
from vastmax.errors import InputError, argument
from vastmax.files.record import sealed, unsealed
from vastmax.files.safetensors import Header, write_tensors
from vastmax.language_model.run_folder import FILES
from vastmax.language_model.text import TrainingText
from vastmax.removing import remove_files, strangers_in
from vastmax.run_lock import IN_FOLDER
from vastmax.strict_json import as_read_back, json_text, read_json
from vastmax.text import Vocabulary

REPORT = "report.json"
RUNS = "runs"
ERRORS = "error.txt"
_TEXT = "text"
_IDS, _WORDS = "ids.safetensors", "vocabulary.txt"
_TEXT_FILES = (_IDS, _WORDS, "training.npy", "validation.npy")  # the last two are of vastmax 0.1
_DIGESTS = ("sha256", "validation_sha256", "vocabulary_sha256")


@dataclass(frozen=True)
class RaceFolder:
    """A folder with these files.

    =====================  =============================================================================================
    `report.json`          the `Race` so far, rewritten after each measurement
    `report.html`, *.png   the report from `write_report`
    `runs/METHOD/`         a `RunFolder` for each method, with its model when it has finished
    `.../error.txt`        in it, for a failed method: standard error of its process, with tracebacks
    `text/`                ids and vocabulary for the methods' processes; removed at the end
    =====================  =============================================================================================

    Attributes:
        path: of the folder.
    """

    path: Path

    def check_free(self) -> None:
        """Raise InputError unless a race can start here: the folder is empty or does not exist."""
        if (self.path / REPORT).exists():
            raise InputError(f"{self.path} already holds a race; resume it (--resume), or give another folder")
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"cannot make the folder {self.path}: there is a file of that name; give another one")
        if strangers_in(self.path, (IN_FOLDER,)):
            raise InputError(f"{self.path} is not empty and holds no race; give a new folder, or an empty one")

    def create(self) -> None:
        """Create the folder, or use an empty one.

        Raises:
            InputError: it is not empty, or cannot be created.
        """
        self.check_free()
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder {self.path}: {error.strerror}") from None

    def read(self) -> Race:
        """Return the race in the folder.

        Raises:
            InputError: there is none, or it cannot be read, is damaged, or is from another version of vastmax.
        """
        path = self.path / REPORT
        try:
            data = read_json(path, name=f"{path} is damaged: it", fix="; run the comparison again")
        except (FileNotFoundError, NotADirectoryError):
            raise not_expected(
                self.path,
                "the folder of a race",
                f"holds no race ({REPORT} is missing); give the folder of a race",
            ) from None
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from None
        try:
            if data.get("format") in (FORMAT, WITHOUT_CHECKSUM):
                data = unsealed(data, path, required=data["format"] == FORMAT)
            return Race.from_json(data)
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is damaged ({error}); run the comparison again") from None

    def write(self, race: Race) -> None:
        """Write the results."""
        with replacing(self.path / REPORT) as beside:
            beside.write_text(json_text(sealed(race.to_json()), indent=1) + "\n", encoding="utf-8")

    def run_path(self, method: str) -> Path:
        """Return the path of the method's run folder."""
        return self.path / RUNS / method

    def keep_errors(self, method: str, errors: str) -> None:
        """Save standard error of the method's process, if any; its last line is in the `Race`."""
        if errors.strip():
            self.run_path(method).mkdir(parents=True, exist_ok=True)
            with replacing(self.run_path(method) / ERRORS) as beside:
                beside.write_text(errors, encoding="utf-8", errors="backslashreplace")

    def forget_run(self, method: str) -> None:
        """Remove the run of a method, which starts again."""
        remove_files(self.run_path(method), (*FILES, ERRORS))

    def write_text(self, text: TrainingText) -> None:
        """Write the text for the methods' processes."""
        folder = self.path / _TEXT
        folder.mkdir(exist_ok=True)
        (self.path / RUNS).mkdir(exist_ok=True)
        assert text.validation is not None
        with replacing(folder / _IDS) as beside, open(beside, "wb") as stream:
            write_tensors(stream, {"training": text.training, "validation": text.validation}, {})
        text.vocabulary.save(folder / _WORDS)

    def read_text(self) -> TrainingText:
        """Return the text that `write_text` wrote."""
        folder = self.path / _TEXT
        header = Header(str(folder / _IDS))
        header.require_checksum()
        training, validation = (header.place(name, "I32", 1).read() for name in ("training", "validation"))
        return TrainingText(Vocabulary.load(folder / _WORDS), training, validation)

    def remove_text(self) -> None:
        """Remove what `write_text` wrote."""
        remove_files(self.path / _TEXT, _TEXT_FILES)

    def remove(self, others: Collection[str]) -> None:
        """Remove a race and `others`, the files of its report.

        Raises:
            InputError: there is no race, or there are other files in its folder; nothing is removed.
        """
        methods = [method.method for method in self.read().methods]
        runs = sorted((self.path / RUNS).glob("*"))  # never a folder that a name in the report may point to
        strangers = [
            *strangers_in(self.path, (REPORT, RUNS, _TEXT, IN_FOLDER, *others)),
            *strangers_in(self.path / RUNS, methods),
            *strangers_in(self.path / _TEXT, _TEXT_FILES),
            *(file for run in runs for file in strangers_in(run, (*FILES, ERRORS, IN_FOLDER))),
        ]
        if strangers:
            raise InputError(f"{strangers[0]} does not belong to a race")
        for run in runs:
            remove_files(run, (*FILES, ERRORS, IN_FOLDER))
        remove_files(self.path / RUNS, ())
        self.remove_text()
        remove_files(self.path, (*others, REPORT))  # last the file that identifies the folder


def check_same_settings(begun: Race, settings: Mapping[str, Any]) -> None:
    """Raise InputError, with the differences, if settings differ from the started race, except added methods."""
    known = [method.method for method in begun.methods]
    changed = list(_differences(_concerning(begun.settings, known), _concerning(settings, known)))
    if missing := [method for method in known if method not in settings["methods"]]:
        changed.append(f"{argument('methods')} lack {', '.join(missing)}")
    if changed:
        raise InputError(f"cannot resume with other settings: {'; '.join(changed)}")


def resumed(begun: Race, now: Race) -> Race:
    """Return `now` with the results of `begun`: the same race, perhaps with added methods.

    Raises:
        InputError: settings or texts differ.
    """
    check_same_settings(begun, now.settings)
    if any(begun.text.get(name) != now.text[name] for name in _DIGESTS):
        raise InputError(
            f"cannot resume with another text: the race was started with {_described(begun.text)}; this is "
            f"{_described(now.text)}: give the same files, in the same case, and the same {argument('held_out')}, "
            f"{argument('min_count')} and {argument('max_size')}"
        )
    known = {method.method for method in begun.methods}
    further = tuple(method for method in now.methods if method.method not in known)
    return replace(now, methods=(*begun.methods, *further), tree=begun.tree)


def _described(text: Mapping[str, Any]) -> str:
    sources = text.get("sources")
    files = ", ".join(sources) if isinstance(sources, list | tuple) else sources or "a text"
    return (
        f"{files}, {text.get('training_words')} words to train on, {text.get('validation_words')} to measure on, "
        f"{text.get('vocabulary_size')} different ones"
    )


def _concerning(settings: Mapping[str, Any], methods: Collection[str]) -> dict[str, Any]:
    """Return the part of the settings, as JSON has them, that concerns these methods."""
    options = {name: value for name, value in settings["method_options"].items() if value and name in methods}
    concerning = {**settings, "method_options": options}
    del concerning["methods"]
    return dict(as_read_back(concerning))


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], of: str = "") -> Iterator[str]:
    for name in {**before, **now}:
        old, new = before.get(name), now.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differences(old, new, f"{of}{name}.")
        elif old != new:
            yield f"{argument(of + name)} was {old}, now {new}"
