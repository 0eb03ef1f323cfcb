"""What of a declaration reaches an environment's instances, and whether it is what reached them. Pure."""

from __future__ import annotations

from typing import Any

from plantroom.estate.changes import Record
from plantroom.estate.effective import Place, milli, scales_of
from plantroom.estate.model import Estate
from plantroom.kernel.digest import digest


def config_of(estate: Estate, client: str, stage: str) -> dict[str, Any]:
    """What of the declaration reaches an environment's instances and its route, and so makes them new when it changes:
    values, secret references (never secrets), host names, and per process type count and limits. Whether there is a
    database and a file store reaches them as well; the record knows it by itself."""
    environment = estate.clients[client].environments[stage]
    return {
        "application": environment.application,
        "hosts": sorted(environment.hosts),
        "values": environment.values,
        "secrets": {name: {"env": ref.env, "file": ref.file} for name, ref in environment.secrets.items()},
        "processes": {
            process: {"instances": scale.instances, "memory_mib": scale.memory_mib, "cpu_milli": milli(scale.cpus)}
            for process, scale in scales_of(estate, environment).items()
        },
    }


def config_changed(estate: Estate, place: Place, record: Record) -> bool:
    """Whether more of the configuration changed than host names and counts, which the record knows by themselves."""
    config = config_of(estate, place.client_name, place.stage)
    if digest(config) == record.config:
        return False
    counts = counts_of(record)
    as_it_was = {
        process: {**scale, "instances": counts.get(process, 0)} for process, scale in config["processes"].items()
    }
    hosts = sorted(record.hosts)
    explained = ({**config, "hosts": hosts}, {**config, "hosts": hosts, "processes": as_it_was})
    return all(digest(one) != record.config for one in explained)


def counts_of(record: Record) -> dict[str, int]:
    """How many instances of each process type were recorded."""
    counts: dict[str, int] = {}
    for one in record.assignments:
        counts[one.process] = counts.get(one.process, 0) + 1
    return counts
