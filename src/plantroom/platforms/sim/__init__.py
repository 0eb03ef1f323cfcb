"""A platform in memory, for properties and for faults."""

from plantroom.platforms.sim.faults import Effects, Fault, Faults, scripted, seeded
from plantroom.platforms.sim.platform import SimPlatform

__all__ = ["Effects", "Fault", "Faults", "SimPlatform", "scripted", "seeded"]
