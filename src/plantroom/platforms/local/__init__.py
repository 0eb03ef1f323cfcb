"""Servers, instances, traffic, databases and files on this machine, without root and without containers."""

from plantroom.platforms.local.balancer import LocalPorts
from plantroom.platforms.local.platform import LocalPlatform

__all__ = ["LocalPlatform", "LocalPorts"]
