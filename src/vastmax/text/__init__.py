"""Words, ids, counts, and token streams on disk."""

from vastmax.text.corpus import Corpus
from vastmax.text.encoded_view import EncodedView
from vastmax.text.facts import CorpusFacts
from vastmax.text.phrases import Phrase, Phrases, find_phrases
from vastmax.text.plain_text import plain_text
from vastmax.text.vocabulary import Vocabulary
from vastmax.text.word_list import read_word_list

__all__ = [
    "Corpus",
    "CorpusFacts",
    "EncodedView",
    "Phrase",
    "Phrases",
    "Vocabulary",
    "find_phrases",
    "plain_text",
    "read_word_list",
]
