"""recbook: the tested code behind the book *Recommending with graphs*."""

__all__ = ["__version__"]

__version__ = "0.1.0"
