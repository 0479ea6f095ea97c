"""recbook: the tested code behind the book *Recommending with graphs*."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recbook.saving import load, save

__all__ = ["__version__", "load", "save"]

#: The version of the package.
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``load`` and ``save`` where they are asked for: they import all models, in seconds."""
    if name in {"load", "save"}:
        from recbook import saving

        return getattr(saving, name)
    raise AttributeError(f"module 'recbook' has no attribute {name!r}")
