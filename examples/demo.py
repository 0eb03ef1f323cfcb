"""The main job, end to end, on embedded engines: `make demo`.

Six clients are provisioned; users work at every one of them while a release night takes release 1.1 to all, with the
worker killed in the middle of a ring; then release 1.2, which cannot bear one client's data, is tried, stopped and
taken back. What 1.1 drops goes with 1.2 only, when nothing runs any more that writes it. It ends with a table, the
ledger verified, and an altered copy of it caught. Exits with 1 if a request failed that should not have, a write was
lost, or a client is on the wrong version.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

HERE = Path(__file__).parent
EXAMPLE = HERE / "workorders"
PLANTROOM = Path(sys.executable).parent / "plantroom"
RATE = 120
LONGEST_S = 600
"""However long it takes, traffic stops by itself after this."""

console = Console(highlight=False, soft_wrap=True, record=True, emoji=False)


class DemoError(Exception):
    """Something did not come out as it must."""


class Demo:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.estate = home / "estate"
        self.began = time.monotonic()
        self.up: subprocess.Popen[bytes] | None = None
        self.traffic: subprocess.Popen[bytes] | None = None

    # -- speaking -----------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        console.print(f"[dim]{time.monotonic() - self.began:5.1f} s[/]  {text}")

    def show(self, text: str) -> None:
        for line in text.rstrip().splitlines():
            console.print(f"         [dim]│[/] {escape(line)}")

    # -- doing --------------------------------------------------------------------------------------------------

    def command(self, *words: str, good: Sequence[int] = (0,)) -> str:
        """Run a plantroom command as a user would; its output."""
        done = subprocess.run(
            [str(PLANTROOM), "--home", str(self.home), *words], capture_output=True, text=True, check=False
        )
        if done.returncode not in good:
            raise DemoError(f"`plantroom {' '.join(words)}` ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def data(self, *words: str, good: Sequence[int] = (0,)) -> Any:
        return json.loads(self.command(*words, "--json", good=good))

    def wait(self, what: str, holds: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > until:
                raise DemoError(f"waited {seconds:.0f} s in vain: {what}")
            time.sleep(0.2)

    def build(self) -> None:
        self.say("building three releases of the work-order application, each with its locked dependencies inside")
        for version in ("1.0", "1.1", "1.2"):
            self.show(self.command("artefact", "build", str(EXAMPLE / "releases" / version)))
        self.say("1.1 wants another schema; the way there was made by machine and proven: `plantroom artefact show`")
        shown = self.command("artefact", "show", "workorders@1.1")
        self.show(shown[shown.index("  migration") :])

    def start(self) -> None:
        shutil.copytree(EXAMPLE / "estate", self.estate)
        for path in self.estate.glob("*.yaml"):
            path.write_text(path.read_text().replace("YOUR-ACCOUNT", getpass.getuser()))
        self.say("starting PostgreSQL, Temporal, HAProxy, the API and the worker: `plantroom up`")
        self.up = subprocess.Popen(
            [str(PLANTROOM), "--home", str(self.home), "up", "--estate", str(self.estate)],
            stdout=(self.home / "up.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.wait("the API", lambda: "ready" in (self.home / "up.log").read_text(), 90)

    def provision(self) -> None:
        plan = self.data("plan")
        counts = {action: sum(one["action"] == action for one in plan["changes"]) for action in ("created", "refused")}
        self.say(
            f"`plantroom plan`: {counts['created']} to be created, {counts['refused']} refused; applying its digest"
        )
        self.command("apply", plan["digest"])
        live = self.data("environments")
        self.say(f"{len(live)} clients are live, each with a database, a file store, two web instances and a worker")
        again = self.data("plan")
        if any(one["action"] != "unchanged" for one in again["changes"]):
            raise DemoError(f"an applied estate does not plan to nothing: {again}")
        for one in live:
            subprocess.run(
                [sys.executable, str(EXAMPLE / "seed.py"), self.http(), "--host", one["hosts"][0], "--orders", "5"],
                check=True,
                capture_output=True,
            )

    def work(self) -> None:
        hosts = [one["hosts"][0] for one in self.data("environments")]
        ports = self.ports()
        self.traffic = subprocess.Popen(
            [
                *(
                    sys.executable,
                    str(HERE / "traffic.py"),
                    "--http",
                    str(ports["http"]),
                    "--https",
                    str(ports["https"]),
                ),
                *(
                    "--ca",
                    str(self.home / "balancer" / "authority.pem"),
                    "--seconds",
                    str(LONGEST_S),
                    "--rate",
                    str(RATE),
                ),
                *("--report", str(self.home / "traffic.json"), *hosts),
            ],
            start_new_session=True,
        )
        self.say(f"users at work: {RATE} requests/s over HTTP and HTTPS, reads and writes, kept and new connections")

    def drift(self) -> None:
        """Somebody stops a background worker by hand."""
        instances = sorted((self.home / "servers").glob("*/instances/museum-production-worker-*.json"))
        server, name = instances[0].parents[1].name, instances[0].stem
        self.say(f"by hand, behind Plantroom's back: {name} is stopped")
        config = self.home / "servers" / server / "supervisord.conf"
        socket = re.findall(r"^file\s*=\s*(.+)$", config.read_text(), re.MULTILINE)[0]
        supervisorctl = [sys.executable, "-m", "supervisor.supervisorctl", "-s", f"unix://{socket}"]
        subprocess.run([*supervisorctl, "stop", name], check=True, capture_output=True)
        self.show(self.command("drift", good=(2,)))
        plan = self.data("plan")
        self.command("apply", plan["digest"])
        self.say("repaired by plan and apply: " + self.command("drift").strip())

    def release(self) -> None:
        self.say(
            "[bold]release night[/]: 1.1 to everyone, rings pilot, early, general; the worker is killed on the way"
        )
        self.command("release", "start", "1.1", "--train", "2026-11", "--no-follow")
        ring = self.second_ring("2026-11")
        worker = json.loads((self.home / "worker.json").read_text())["pid"]
        os.kill(worker, signal.SIGKILL)
        self.say(f"kill -9 {worker}: the worker is dead in the middle of ring {ring}; `up` starts another")
        self.wait("release 1.1", lambda: bool(self.train("2026-11")["over"]), 180)
        self.show(self.command("release", "status", "--train", "2026-11"))
        self.say(f"1.0 wrote shifts until the end, and 1.1 drops none yet: {self.with_shift()} clients have the column")

    def bad_release(self) -> None:
        self.say(
            "[bold]release 1.2[/] starts, but cannot bear what orchard's data looks like (two codes alike but for case)"
        )
        subprocess.run(
            [
                sys.executable,
                str(EXAMPLE / "seed.py"),
                self.http(),
                "--host",
                "orchard.workorders.test",
                "--twin-codes",
            ],
            check=True,
            capture_output=True,
        )
        self.command("release", "start", "1.2", "--train", "2026-12", good=(3,))
        self.show(self.command("release", "status", "--train", "2026-12"))
        self.say(f"where 1.2 came, it is gone: {self.with_shift()} clients have it, and 1.1 serves the others without")
        self.show(self.command("schema", "status"))
        self.say("`plantroom why orchard`")
        self.show(self.command("why", "orchard"))

    def judge(self) -> bool:
        """Stop the traffic, count, look into the databases, and verify the ledger."""
        assert self.traffic is not None
        self.traffic.send_signal(signal.SIGTERM)
        self.traffic.wait(30)
        report = json.loads((self.home / "traffic.json").read_text())
        environments = {one["hosts"][0]: one for one in self.data("environments")}
        first = {one["environment"]: one for one in self.train("2026-11")["targets"]}
        table = Table(box=None, title="what the users saw", title_justify="left")
        for column in ("client", "ring", "before", "after", "requests", "failed", "writes", "lost", "slowest"):
            table.add_column(column, justify="left" if column in ("client", "ring") else "right")
        wrong = []
        total = 0
        for count in report["hosts"]:
            one = environments[count["host"]]
            lost = self.lost(count["host"], count["written"])
            if one["release"] != "1.1":
                wrong.append(f"{one['environment']} is on {one['release']}")
            if count["failed"] or lost:
                wrong.append(f"{one['environment']}: {count['failed']} requests failed, {lost} writes lost")
            if "1.1" not in count["releases"]:
                wrong.append(f"{one['environment']} never answered as 1.1")
            if "1.2" in count["releases"] and (count["host"].startswith("orchard.") or one["ring"] == "general"):
                wrong.append(f"{one['environment']} has answered as 1.2, which must never have been let in there")
            total += count["requests"]
            table.add_row(
                one["environment"].split("/")[0],
                one["ring"],
                first[one["environment"]]["from"],
                one["release"],
                str(count["requests"]),
                str(count["failed"]),
                str(len(count["written"])),
                str(lost),
                f"{count['slowest_ms']} ms",
            )
            for failure in count["failures"]:
                self.say(f"[bold red]failed[/] {count['host']}: {failure}")
        console.print(table)
        self.say(f"{total} requests in {report['seconds']:.0f} s, {total / report['seconds']:.0f} a second")
        self.show(self.command("ledger", "verify"))
        if not self.forgery_is_caught():
            wrong.append("the altered copy of the ledger was not caught")
        for one in wrong:
            self.say(f"[bold red]wrong[/]: {escape(one)}")
        return not wrong

    def forgery_is_caught(self) -> bool:
        copy = self.home / "ledger-copy.json"
        self.command("ledger", "export", str(copy))
        data = json.loads(copy.read_text())
        victim = next(one for one in data["entries"] if one["verb"] == "train.judge")
        victim["payload"]["verdict"] = "allowed, honestly"
        copy.write_text(json.dumps(data))
        self.say(f"a copy of the ledger in which entry {victim['seq']} (the verdict) is altered:")
        key = str(self.home / "ledger" / "key.pub")
        told = self.command("ledger", "verify", "--file", str(copy), "--public-key", key, good=(2,))
        self.show(told)
        return "NOT intact" in told

    # -- asking -------------------------------------------------------------------------------------------------

    def train(self, name: str) -> Any:
        return self.data("release", "status", "--train", name)

    def with_shift(self) -> str:
        """How many clients have what 1.1 has held back, by the fingerprints of their schemas."""
        before = self.data("artefact", "show", "workorders@1.1")["schema"]["contract"]["proof"]["from"]
        found = self.data("schema", "status")
        still = [name for one in found["groups"] if one["fingerprint"] == before for name in one["environments"]]
        return f"{len(still)} of {found['databases']}"

    def second_ring(self, name: str) -> str:
        """Wait until the second ring, or a later one, is in the middle of it; its name."""
        found: list[str] = []

        def under_way() -> bool:
            train = self.train(name)
            if train["over"]:
                raise DemoError(f"train {name} {train['state']} before its second ring was seen: {train['why']}")
            changing = any(one["state"] == "changing" for one in train["targets"])
            if changing and train["ring"] in train["rings"][1:]:
                found.append(train["ring"])
            return bool(found)

        self.wait("the second ring", under_way, 120)
        return found[0]

    def ports(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.home / "ports.json").read_text())
        return found

    def http(self) -> str:
        return f"http://127.0.0.1:{self.ports()['http']}"

    def lost(self, host: str, written: list[str]) -> int:
        """Acknowledged writes that are not there any more, asked of the application itself."""
        missing = 0
        for reference in written:
            query = urllib.parse.urlencode({"reference": reference})
            request = urllib.request.Request(f"{self.http()}/api/work-orders?{query}", headers={"Host": host})
            with urllib.request.urlopen(request, timeout=20) as answer:
                missing += not any(one["reference"] == reference for one in _orders(json.load(answer)))
        return missing

    # -- ending -------------------------------------------------------------------------------------------------

    def end(self, keep: bool) -> None:
        if self.traffic is not None and self.traffic.poll() is None:
            self.traffic.kill()
            self.traffic.wait()
        if keep and self.up is not None and self.up.poll() is None:
            plantroom = f"{PLANTROOM} --home {self.home}"
            console.print(f"\nleft up. Look around:\n  {plantroom} status\n  {plantroom} environments")
            console.print(f"  {plantroom} ledger list train/2026-12\n  {plantroom} why orchard")
            console.print(f"  curl -H 'Host: harbour.workorders.test' {self.http()}/\nand end it:\n  {plantroom} down")
            return
        if self.up is not None:
            self.command("down")
            self.up.wait(20)
        # Unpacked artefacts are read-only, directories included.
        for directory in [path for path in self.home.rglob("*") if path.is_dir() and not path.is_symlink()]:
            directory.chmod(0o700)
        shutil.rmtree(self.home, ignore_errors=True)


def _orders(answer: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer if isinstance(answer, list) else answer["work_orders"]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave everything up, and say how to look around")
    parser.add_argument("--picture", type=Path, help="write what is shown to this SVG file as well")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="plantroom-demo-", dir="/tmp"))
    home.chmod(0o755)
    demo = Demo(home)
    good = False
    try:
        for act in (demo.build, demo.start, demo.provision, demo.work, demo.drift, demo.release, demo.bad_release):
            act()
        good = demo.judge()
        verdict = "[bold green]as it should be[/]" if good else "[bold red]NOT as it should be[/]"
        demo.say(f"{verdict}: everyone is on 1.1, and 1.2 ended on nobody" if good else verdict)
    except (DemoError, subprocess.CalledProcessError) as error:
        console.print(f"[bold red]the demo failed[/]: {error}", markup=True)
        for name in ("up.log", "logs/worker.log", "logs/api.log"):
            if (home / name).exists():
                console.print(f"--- the end of {name}\n" + (home / name).read_text()[-2000:], markup=False)
    except KeyboardInterrupt:
        console.print("stopped; cleaning up")
    finally:
        demo.end(given.keep)
        if given.picture:
            console.save_svg(str(given.picture), title="make demo")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
