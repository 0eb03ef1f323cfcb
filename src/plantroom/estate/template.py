"""The estate that `plantroom init` writes: small, commented, and without mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pydantic import ValidationError

from plantroom.estate.errors import EstateExistsError, EstateNameError
from plantroom.estate.model import Person
from plantroom.estate.reading import read
from plantroom.runtime.files import write_whole

FILE = "estate.yaml"

TEMPLATE = """\
# An estate: everything that Plantroom keeps running for your clients.
# Split it into as many .yaml files in this directory as you like; their sections are merged.
# Durations are written 30s, 5m, 2h, 1d. Versions are text: put them in quotes.

estate:
  name: first
  platform: local            # where servers, databases and traffic live: local, which is this machine
  zone: UTC                  # the time zone of calendars, as in Europe/Zurich
  # calendar:                # when changes may start; pools, rings and clients can have one of their own
  #   windows: [{on: third Saturday, at: "20:00", lasts: 8h, changes: [releases]}]
  #   freezes: [{begins: 2027-12-18, ends: 2028-01-02, why: the year ends}]
  bounds:                    # how much one plan may delete or retire; whichever is smaller counts
    max_deletions: 5
    max_deletions_percent: 10
  allow:
    dirty_tree: true         # plan production from files that are not committed; take it out once Git holds them
    # delete_environments: [harbour/production]    # deleting needs the name here, and databases theirs below
    # delete_databases: [harbour/production]

# Who may use Plantroom: each person by the local account that they sign in to this machine with. Never shared.
people:
  @PERSON@:
    name: @NAME@
    account: @ACCOUNT@

# What is hosted. `release` is what a new environment starts on; build it with `plantroom artefact build`.
applications:
  workorders:
    release: "1.0"
    processes:
      web: {instances: 2, memory_mib: 128, cpus: 0.25}
      worker: {instances: 1, memory_mib: 64, cpus: 0.1}

stages:
  uat: {}
  production: {}             # with {after: uat}, a release goes to uat first

regions:
  north: {}

server_pools:
  north:
    region: north
    servers: 2               # production needs its web instances on at least two
    memory_mib: 2048
    cpus: 2

database_pools:
  north-a: {region: north}

# In which order clients change on a release night, how many at once, and when to stop.
rings:
  - {name: pilot, concurrency: 1, soak: 30s, max_unhealthy: 1}
  - {name: general, concurrency: 50%, soak: 1m, max_unhealthy: 1}

clients:
  harbour:
    title: Harbour Services
    residency: [north]       # this client's data stays in these regions
    ring: pilot
    environments:
      production:
        application: workorders
        database_pool: north-a
        hosts: [harbour.localhost.test]
        values:
          SITE_TITLE: Harbour work orders
        # secrets:           # by reference only; read when an instance starts, from the environment of `up` or a file
        #   MAIL_KEY: {env: HARBOUR_MAIL_KEY}
        # go_live: 2027-01-31
"""


def text(person: str, account: str) -> str:
    """The template for one person, known as `person` and by the local account `account`."""
    # JSON text is YAML 1.2 text, whatever the name or the account has in it.
    shown = json.dumps(person, ensure_ascii=False)
    quoted = json.dumps(account, ensure_ascii=False)
    return TEMPLATE.replace("@PERSON@", _key(person)).replace("@NAME@", shown).replace("@ACCOUNT@", quoted)


def _readable(person: str, account: str) -> str:
    """The template's text, when reading it gives the person back."""
    given = {"name": person, "account": account}
    try:
        Person.model_validate(given)
    except ValidationError as error:
        what = str(error.errors()[0]["loc"][0])
        raise EstateNameError(what, given[what]) from None
    written = text(person, account)
    document = read(FILE, written.encode())
    if document.mistakes or document.value["people"] != {_key(person): given}:
        raise EstateNameError("name", person)
    return written


def _key(person: str) -> str:
    """A name as the files have it: `Ada Lovelace` gives `ada-lovelace`."""
    return re.sub("[^a-z0-9]+", "-", person.lower()).strip("-0123456789")[:32].rstrip("-") or "operator"


def write_template(directory: Path, person: str, account: str) -> Path:
    """Write the template to `directory/estate.yaml`, making the directory. EstateExistsError when the directory has
    estate files already, EstateNameError when the person's name or account cannot stand in one."""
    content = _readable(person, account)
    directory.mkdir(parents=True, exist_ok=True)
    for there in sorted(directory.iterdir()):
        if there.suffix in (".yaml", ".yml"):
            raise EstateExistsError(there)
    path = directory / FILE
    write_whole(path, content)
    return path
