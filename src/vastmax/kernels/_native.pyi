# The compiled module: its doors beside this file say what is in it, and check what goes in.
from typing import Any

def __getattr__(name: str) -> Any: ...
