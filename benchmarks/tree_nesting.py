"""Record the value of a sensible tree, from `examples/good_tree_bad_tree.py`."""

from __future__ import annotations

import sys
from dataclasses import asdict

from harness import HERE, write_record

sys.path.insert(0, str(HERE.parent / "examples"))


def main() -> None:
    from good_tree_bad_tree import compare

    from vastmax import Corpus
    from vastmax.text.builtin import python_documentation

    seed = 1
    results = compare(Corpus(python_documentation(), cache=False), seed=seed)
    write_record(
        "tree_nesting",
        "How many nats per word does a sensible tree save compared with a shuffled one of the same shape?",
        {"settings": {"hidden_size": 32, "epochs": 3, "seed": seed}, "results": [asdict(result) for result in results]},
    )


if __name__ == "__main__":
    main()
