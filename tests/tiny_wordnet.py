"""A dictionary of a few synsets in WordNet's format, written by hand so that the tests need no other."""

from __future__ import annotations

from pathlib import Path

LICENCE = "  1 A licence stands here, indented, in the real files.  \n"

# part of speech → [(name of the synset, lexicographer file, its words, [(pointer, part of speech, name)])]
SYNSETS = {
    "noun": [
        ("entity", 3, ["entity"], []),
        ("animal", 5, ["animal", "beast"], [("@", "noun", "entity")]),
        ("canine", 5, ["canine"], [("@", "noun", "animal")]),
        ("pet", 5, ["domestic_animal"], [("@", "noun", "animal")]),
        ("dog", 5, ["dog", "domestic_dog"], [("~", "noun", "poodle"), ("@", "noun", "canine"), ("@", "noun", "pet")]),
        ("poodle", 5, ["poodle"], [("@", "noun", "dog")]),
        ("mouse", 5, ["mouse"], [("@", "noun", "animal")]),
        ("bird", 5, ["turkey"], [("@", "noun", "animal")]),
        ("country", 15, ["country"], [("@", "noun", "entity")]),
        ("Turkey", 15, ["Turkey", "Republic_of_Turkey"], [("@i", "noun", "country")]),
        ("walk", 4, ["walk"], [("@", "noun", "entity")]),
    ],
    "verb": [
        ("travel", 38, ["travel", "go"], []),
        ("walk", 38, ["walk"], [("@", "verb", "travel"), ("+", "noun", "walk")]),
        ("run", 38, ["run"], [("@", "verb", "travel")]),
        ("inhibit", 41, ["inhibit"], [("@", "verb", "restrain")]),
        ("restrain", 41, ["restrain"], [("@", "verb", "inhibit")]),
    ],
    "adj": [
        ("good", 0, ["good"], []),
        ("superb", 0, ["superb(ip)", "brilliant"], [("&", "adj", "good")]),
    ],
    "adv": [("quickly", 2, ["quickly"], [])],
}
EXCEPTIONS = {"noun": "mice mouse\n", "verb": "ran run\nwent go\n", "adj": "better good\n", "adv": ""}
# lemma → senses, the commonest first, and how many of them are tagged
SENSES = {("turkey", "noun"): (["bird", "Turkey"], 1), ("walk", "verb"): (["walk"], 1)}
TAGGED = (
    "dog%1:05:00:: 1 42\nturkey%1:05:00:: 1 3\nwalk%1:04:00:: 1 2\nwalk%2:38:00:: 1 50\nsuperb%5:00:00:good:00 1 4\n"
)
_LETTER = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}


def write(folder: Path, *, tagged: bool = True) -> Path:
    """Write the files to `folder`, with or without counts of tagged senses, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    offsets: dict[tuple[str, str], int] = {}
    for _ in range(2):  # lines are equally long both times: offsets have eight digits
        for part, synsets in SYNSETS.items():
            text = LICENCE
            for name, file, words, pointers in synsets:
                offsets[part, name] = len(text.encode())
                satellite = any(pointer[0] == "&" for pointer in pointers)
                text += f"{offsets[part, name]:08} {file:02} {'s' if satellite else _LETTER[part]} {len(words):02x} "
                text += "".join(f"{word} 0 " for word in words) + f"{len(pointers):03} "
                for symbol, other, target in pointers:
                    text += f"{symbol} {offsets.get((other, target), 0):08} {_LETTER[other]} 0000 "
                text += f"| what {name} means; a | in it\n"
            (folder / f"data.{part}").write_text(text, encoding="utf-8")
    for part, synsets in SYNSETS.items():
        by_lemma: dict[str, list[str]] = {}
        for name, _, words, _ in synsets:
            for word in words:
                by_lemma.setdefault(word.partition("(")[0].lower(), []).append(name)
        lines = [LICENCE]
        for lemma, names in sorted(by_lemma.items()):
            senses, num_tagged = SENSES.get((lemma, part), (names, 0))
            places = " ".join(f"{offsets[part, name]:08}" for name in senses)
            lines.append(f"{lemma} {_LETTER[part]} {len(names)} 2 @ ~ {len(names)} {num_tagged} {places}  \n")
        (folder / f"index.{part}").write_text("".join(lines), encoding="utf-8")
        (folder / f"{part}.exc").write_text(EXCEPTIONS[part], encoding="utf-8")
    if tagged:
        (folder / "cntlist.rev").write_text(TAGGED, encoding="utf-8")
    return folder
