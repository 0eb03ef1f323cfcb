"""Plantroom: operations for software that is hosted once per client."""

__version__ = "0.1.0"
