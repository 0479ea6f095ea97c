"""recbook: the tested code behind the book *Recommending with graphs*."""

__version__ = "0.1.0"
