"""Recognize the content of a file by its first bytes: compression, and kinds of files given by mistake."""

from vastmax.content.decompress import CHUNK_BYTES, text_chunks
from vastmax.content.kinds import HEAD_BYTES, Kind, kind_of_bytes
from vastmax.content.looking import kind_at, not_expected

__all__ = ["CHUNK_BYTES", "HEAD_BYTES", "Kind", "kind_at", "kind_of_bytes", "not_expected", "text_chunks"]
