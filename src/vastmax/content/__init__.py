"""What a file holds, told by its first bytes: compression, and the kinds of files that come to the wrong door."""

from vastmax.content.decompress import CHUNK_BYTES, text_chunks
from vastmax.content.kinds import HEAD_BYTES, Kind, kind_of_bytes
from vastmax.content.looking import kind_at, not_expected

__all__ = ["CHUNK_BYTES", "HEAD_BYTES", "Kind", "kind_at", "kind_of_bytes", "not_expected", "text_chunks"]
