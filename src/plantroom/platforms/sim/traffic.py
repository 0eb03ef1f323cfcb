"""A simulated balancer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import Admission, MemberSeen, RouteSeen, RouteSpec, TrafficCount
from plantroom.platforms.sim.faults import Effects


@dataclass(slots=True)
class Member:
    """`in_flight` is what its requests would be; a test sets it."""

    address: str
    port: int
    admission: Admission = Admission.ADMITTED
    in_flight: int = 0


@dataclass(slots=True)
class Route:
    spec: RouteSpec
    members: dict[str, Member] = field(default_factory=dict)
    requests: int = 0
    errors_5xx: int = 0


class SimTraffic:
    """The contract's Traffic. A test may change `routes` by hand, as drift."""

    def __init__(self, effects: Effects, up: Callable[[str], bool]) -> None:
        self._effects = effects
        self._up = up
        self.routes: dict[str, Route] = {}

    async def observe(self) -> Sequence[RouteSeen]:
        return [
            RouteSeen(
                environment,
                tuple(sorted(route.spec.hosts)),
                route.spec.suspended,
                tuple(
                    MemberSeen(instance, member.admission, self._up(instance))
                    for instance, member in sorted(route.members.items())
                ),
            )
            for environment, route in sorted(self.routes.items())
        ]

    async def route(self, specs: Sequence[RouteSpec]) -> None:
        def change_to(spec: RouteSpec) -> Callable[[], bool]:
            def change() -> bool:
                there = self.routes.get(spec.environment)
                if there is None:
                    self.routes[spec.environment] = Route(spec)
                    return True
                changed = there.spec != spec
                there.spec = spec
                return changed

            return change

        # Names may move among those that are asked for together, and stay with all others.
        staying = {name: route.spec.hosts for name, route in self.routes.items()}
        for spec in specs:
            staying.pop(spec.environment, None)
        for spec in specs:
            self._refuse_taken(spec, staying)
            staying[spec.environment] = spec.hosts
        for spec in specs:
            await self._effects.act("route", spec.environment, change_to(spec))

    async def unroute(self, environments: Sequence[str]) -> None:
        def removal_of(environment: str) -> Callable[[], bool]:
            return lambda: self.routes.pop(environment, None) is not None

        for environment in environments:
            await self._effects.act("unroute", environment, removal_of(environment))

    async def admit(self, environment: str, instance: str, address: str, port: int) -> None:
        def change() -> bool:
            members = self._route(environment).members
            there = members.get(instance)
            if there is not None and (there.address, there.port) == (address, port):
                changed = there.admission is not Admission.ADMITTED
                there.admission = Admission.ADMITTED
                return changed
            members[instance] = Member(address, port)
            return True

        await self._effects.act("admit", instance, change)

    async def drain(self, environment: str, instance: str) -> None:
        def change() -> bool:
            member = self._member(environment, instance)
            if member is None or member.admission is Admission.DRAINING:
                return False
            member.admission = Admission.DRAINING
            return True

        await self._effects.act("drain", instance, change)

    async def in_flight(self, environment: str, instance: str) -> int:
        member = self._member(environment, instance)
        return 0 if member is None else member.in_flight

    async def remove(self, environment: str, instance: str) -> None:
        def change() -> bool:
            route = self.routes.get(environment)
            return route is not None and route.members.pop(instance, None) is not None

        await self._effects.act("remove", instance, change)

    async def count(self, environment: str) -> TrafficCount:
        route = self._route(environment)
        return TrafficCount(route.requests, route.errors_5xx)

    def _route(self, environment: str) -> Route:
        route = self.routes.get(environment)
        if route is None:
            raise PlatformError("PR401", f"route of {environment}", value="is not there")
        return route

    def _member(self, environment: str, instance: str) -> Member | None:
        route = self.routes.get(environment)
        return None if route is None else route.members.get(instance)

    def _refuse_taken(self, spec: RouteSpec, staying: Mapping[str, Sequence[str]]) -> None:
        for environment, hosts in staying.items():
            taken = set(hosts) & set(spec.hosts)
            if taken:
                raise PlatformError(
                    "PR402",
                    f"host name {min(taken)}",
                    value=f"leads to {environment}, and {spec.environment} wants it",
                    remedy=f"Take it from {environment} first",
                )
