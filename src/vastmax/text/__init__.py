"""Words, ids, counts, and token streams on disk."""

from vastmax.text.corpus import Corpus
from vastmax.text.encoded_view import EncodedView
from vastmax.text.facts import CorpusFacts
from vastmax.text.vocabulary import Vocabulary

__all__ = ["Corpus", "CorpusFacts", "EncodedView", "Vocabulary"]
