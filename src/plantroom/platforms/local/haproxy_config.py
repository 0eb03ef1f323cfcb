"""What the balancer should be, as data, and the HAProxy 2.8 configuration that says the same. Pure.

Every path in the configuration is relative to the balancer's directory, in which HAProxy runs. Names become HAProxy
names reversibly: letters, digits, `.`, `_` and `-` stay, every other byte becomes `:` and two hexadecimal digits, so
`harbour/production` is `harbour:2Fproduction`.
Source: HAProxy 2.8 configuration manual, sections 4.2, 5.2 and 7.3.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote

from plantroom.kernel.digest import digest
from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import LONGEST_DRAIN_S

HOSTS_MAP = "hosts.map"
SUSPENDED_MAP = "suspended.map"
CERTIFICATES = "certificates"
DEFAULT_CERTIFICATE = "default.pem"
NOBODY = "plantroom.invalid"
"""A name that never resolves (RFC 2606)."""

RELAY = ":relay"
"""The backend through which a worker that was reloaded hands on what still comes. No environment encodes to it."""

FRONTEND = "web"
"""What listens for the users' requests."""

MEMBER_OPTIONS = "check inter 500ms fall 2 rise 1 pool-purge-delay 1s"
"""The same words in the file and for `add server`, which inherits nothing. Idle connections are closed after a second
or two, before an application's own keep-alive ends (5 s in many), so that none is reused just as it is closed."""

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_HEALTH_PATH = re.compile(r"/[A-Za-z0-9._~!$&()*+,;=:@%/?-]*")
_ADDRESS = re.compile(r"[A-Za-z0-9.:-]+")


def encode(name: str) -> str:
    return quote(name, safe="").replace("~", "%7E").replace("%", ":")


def decode(name: str) -> str:
    return unquote(name.replace(":", "%"))


def certificate_file(environment: str) -> str:
    return f"{CERTIFICATES}/{encode(environment)}.pem"


@dataclass(frozen=True, slots=True)
class Member:
    address: str
    port: int
    admitted: bool


@dataclass(frozen=True, slots=True)
class Route:
    hosts: tuple[str, ...]
    health_path: str
    suspended: bool
    members: Mapping[str, Member] = field(default_factory=dict)

    def certified(self) -> tuple[str, ...]:
        """What its certificate is for. HAProxy wants one for each route, so one without names gets one for nobody."""
        return self.hosts or (NOBODY,)


@dataclass(frozen=True, slots=True)
class Count:
    requests: int = 0
    errors_5xx: int = 0

    def plus(self, other: Count) -> Count:
        return Count(self.requests + other.requests, self.errors_5xx + other.errors_5xx)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked of the balancer, by environment, and what it has counted.

    Every worker counts from 0. `noted` is what each worker had when it was last looked at, by process id: just before
    it was reloaded, and whenever counts are asked for while it finishes. `before` is the sum over workers that ended.
    """

    routes: Mapping[str, Route] = field(default_factory=dict)
    before: Mapping[str, Count] = field(default_factory=dict)
    noted: Mapping[int, Mapping[str, Count]] = field(default_factory=dict)

    def noting(self, alive: Collection[int], counts: Mapping[int, Mapping[str, Count]]) -> Wanted:
        """With these counts of some workers, and those workers that are not alive summed up."""
        before = dict(self.before)
        noted = {worker: dict(values) for worker, values in self.noted.items()}
        for worker in noted.keys() - set(alive):
            for name, count in noted.pop(worker).items():
                before[name] = count.plus(before.get(name, Count()))
        for worker, values in counts.items():
            noted[worker] = noted.get(worker, {}) | dict(values)
        return replace(self, before=before, noted=noted)

    def counted(self, environment: str, current: int, here: Count) -> Count:
        """All that was ever counted; `here` is what the worker `current` has, which is no longer what was noted."""
        total = here.plus(self.before.get(environment, Count()))
        for worker, values in self.noted.items():
            if worker != current:
                total = total.plus(values.get(environment, Count()))
        return total

    def without(self, gone: Collection[str]) -> Wanted:
        """Without these environments."""
        return Wanted(
            {name: route for name, route in self.routes.items() if name not in gone},
            {name: count for name, count in self.before.items() if name not in gone},
            {
                worker: {name: count for name, count in values.items() if name not in gone}
                for worker, values in self.noted.items()
            },
        )

    def as_data(self) -> dict[str, Any]:
        return {
            "routes": {
                name: {
                    "hosts": list(route.hosts),
                    "health_path": route.health_path,
                    "suspended": route.suspended,
                    "members": {
                        instance: {"address": one.address, "port": one.port, "admitted": one.admitted}
                        for instance, one in route.members.items()
                    },
                }
                for name, route in self.routes.items()
            },
            "before": _pairs(self.before),
            "noted": {str(worker): _pairs(values) for worker, values in self.noted.items()},
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Wanted:
        return Wanted(
            routes={
                name: Route(
                    hosts=tuple(route["hosts"]),
                    health_path=route["health_path"],
                    suspended=route["suspended"],
                    members={instance: Member(**one) for instance, one in route["members"].items()},
                )
                for name, route in data["routes"].items()
            },
            before=_counts(data["before"]),
            noted={int(worker): _counts(values) for worker, values in data["noted"].items()},
        )


def _pairs(counts: Mapping[str, Count]) -> dict[str, list[int]]:
    return {name: [one.requests, one.errors_5xx] for name, one in counts.items()}


def _counts(pairs: Mapping[str, Sequence[int]]) -> dict[str, Count]:
    return {name: Count(*pair) for name, pair in pairs.items()}


@dataclass(frozen=True, slots=True)
class Frame:
    """What does not come from routes. `account` is the user and group id of the workers, None: those of the starter.
    `connections` is the most that HAProxy keeps at once. `secret` is what one worker shows to another, so that it is
    believed about the client; letters and digits."""

    http_port: int
    https_port: int
    connections: int
    account: tuple[int, int] | None
    secret: str


def refuse_unfit(name: str, route: Route) -> None:
    """Nothing gets into the configuration that could be read as more of it. Raises PlatformError PR405."""
    for host in route.hosts:
        if not _HOST.fullmatch(host):
            raise PlatformError(
                "PR405", f"route {name}", value=f"host name {host!r}", limit="letters, digits, dots and hyphens"
            )
    if not _HEALTH_PATH.fullmatch(route.health_path):
        raise PlatformError("PR405", f"route {name}", value=f"health path {route.health_path!r}", limit="a URL path")


def refuse_unfit_address(instance: str, address: str, port: int) -> None:
    """Raises PlatformError PR405."""
    if not _ADDRESS.fullmatch(address) or not 0 < port < 65536:
        raise PlatformError("PR405", f"member {instance}", value=f"{address}:{port}", limit="an address and a TCP port")


def hosts_map(wanted: Wanted) -> dict[str, str]:
    """Host name to backend."""
    return {host: encode(name) for name, route in sorted(wanted.routes.items()) for host in route.hosts}


def suspended_map(wanted: Wanted) -> dict[str, str]:
    """The backends that are suspended."""
    return {encode(name): "suspended" for name, route in sorted(wanted.routes.items()) if route.suspended}


def map_text(entries: Mapping[str, str]) -> str:
    return "".join(f"{key} {value}\n" for key, value in entries.items())


def shape(wanted: Wanted, frame: Frame) -> str:
    """A digest of all that only a reload can change; the process carries it as `proc.shape`. Members, host names and
    suspension are not in it: they change at run time; nor is the number of connections, which differs by who asks."""
    bare = Wanted(routes={name: Route((), route.health_path, False) for name, route in wanted.routes.items()})
    return digest(_lines(bare, replace(frame, connections=0), "none")).removeprefix("sha256:")


def configuration(wanted: Wanted, frame: Frame) -> str:
    return "\n".join(_lines(wanted, frame, shape(wanted, frame))) + "\n"


def _lines(wanted: Wanted, frame: Frame, mark: str) -> list[str]:
    account = [] if frame.account is None else [f"  uid {frame.account[0]}", f"  gid {frame.account[1]}"]
    lines = [
        "global",
        f"  maxconn {frame.connections}",
        # How long a worker from before a reload has for what it still does.
        f"  hard-stop-after {LONGEST_DRAIN_S}s",
        f"  set-var proc.shape str({mark})",
        "  ssl-default-bind-options ssl-min-ver TLSv1.2",
        *account,
        "",
        "defaults",
        "  mode http",
        "  option http-keep-alive",
        # Without it a reload closes idle keep-alive connections just as clients send on them.
        "  option idle-close-on-response",
        "  option redispatch",
        "  retries 3",
        # Anything else might be done twice.
        "  retry-on conn-failure",
        "  timeout connect 2s",
        f"  timeout client {LONGEST_DRAIN_S}s",
        f"  timeout server {LONGEST_DRAIN_S}s",
        "  timeout http-keep-alive 15s",
        "  timeout http-request 15s",
        "  timeout check 2s",
        "  timeout tunnel 1h",
        "  http-error status 503 content-type 'text/html; charset=utf-8' string "
        + _page("Not available", "No instance of this environment can answer right now. Please try again shortly.")
        + " hdr Retry-After 5",
        "",
        f"frontend {FRONTEND}",
        f"  bind 127.0.0.1:{frame.http_port}",
        f"  bind 127.0.0.1:{frame.https_port} ssl crt {DEFAULT_CERTIFICATE} crt {CERTIFICATES} alpn h2,http/1.1",
        *_handing_on(frame.secret),
        "  http-request return status 404 content-type 'text/html; charset=utf-8' string "
        + _page("Not found", "No environment answers to this host name.")
        + " unless { var(txn.route) -m found }",
        "  use_backend %[var(txn.route)]",
        "",
        f"backend {RELAY}",
        f"  server next 127.0.0.1:{frame.http_port}",
    ]
    for name, route in sorted(wanted.routes.items()):
        lines += ["", *_backend(encode(name), route)]
    return lines


def _handing_on(secret: str) -> list[str]:
    """Where a request goes, and what is said of its client.

    Over each keep-alive connection from before a reload, the old worker still gets one request. HAProxy lets nobody
    change the servers of a worker that is stopping, so its members are of the past: it gives such a request to the
    worker that listens now. `stopping` is read once, since it may become true between two lines.
    """
    header = "X-Plantroom-Relay"
    return [
        "  http-request set-var(txn.stopping) stopping",
        f"  http-request set-var(txn.relayed) bool(true) if {{ req.hdr({header}) -m str {secret} }}",
        f"  http-request del-header {header}",
        # Set, not added to: this is the first balancer, and what a client claims is not believed.
        "  http-request set-header X-Forwarded-For %[src] unless { var(txn.relayed) -m found }",
        "  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)] unless { var(txn.relayed) -m found }",
        f"  http-request set-header {header} {secret} if {{ var(txn.stopping) -m bool }}",
        f"  http-request set-var(txn.route) str({RELAY}) if {{ var(txn.stopping) -m bool }}",
        f"  http-request set-var(txn.route) req.hdr(host),host_only,lower,map_str({HOSTS_MAP})"
        " unless { var(txn.stopping) -m bool }",
    ]


def _backend(name: str, route: Route) -> list[str]:
    lines = [
        f"backend {name}",
        "  balance leastconn",
        "  option httpchk",
        f"  http-check send meth GET uri '{route.health_path}' ver HTTP/1.1 hdr Host localhost",
        "  http-check expect status 200",
        "  http-request return status 503 content-type 'text/html; charset=utf-8' string "
        + _page("Suspended", "This environment is suspended.")
        + f" hdr Retry-After 300 if {{ str({name}),map_str({SUSPENDED_MAP}) -m found }}",
    ]
    for instance, one in sorted(route.members.items()):
        # Weight 0 is a drain that a file can say: checked like the others, given nothing new.
        weight = 1 if one.admitted else 0
        lines.append(f"  server {encode(instance)} {one.address}:{one.port} {MEMBER_OPTIONS} weight {weight}")
    return lines


def _page(title: str, text: str) -> str:
    """In single quotes, in which HAProxy reads nothing but the closing one."""
    return f"'<!doctype html><html lang=\"en\"><title>{title}</title><h1>{title}</h1><p>{text}</p></html>'"
