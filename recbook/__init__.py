"""recbook: the tested code behind the book *Recommending with graphs*."""

from recbook.saving import load, save

__all__ = ["__version__", "load", "save"]

#: The version of the package.
__version__ = "0.1.0"
