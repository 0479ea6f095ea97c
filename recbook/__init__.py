"""recbook: the tested code behind the book *Recommending with graphs*."""

from recbook.saving import load, save

__all__ = ["__version__", "load", "save"]

__version__ = "0.1.0"
