"""Put sample data into one client's environment, over HTTP, as a user would.

    python seed.py http://127.0.0.1:8080 --host harbour.workorders.test
    python seed.py http://127.0.0.1:8080 --host harbour.workorders.test --twin-codes

The second form adds an asset whose code differs from another one's only in case. Releases 1.0 and 1.1 do not mind;
release 1.2 starts, and its health check then fails for that client. Running it again adds nothing.
"""

from __future__ import annotations

import argparse
import json
import urllib.error
import urllib.request

ASSETS = (
    ("pump-1", "Feed pump", "Hall 1"),
    ("pump-2", "Drain pump", "Hall 1"),
    ("crane-1", "Gantry crane", "Quay"),
    ("door-4", "Roller door", "Gate 4"),
    ("boiler-1", "Boiler", "Cellar"),
    ("lift-1", "Goods lift", "Hall 2"),
)
TWIN = ("PUMP-1", "Feed pump, as the old system called it", "Hall 1")
TASKS = ("Inspect", "Replace a seal of", "Clean", "Lubricate", "Repair")


def post(address: str, host: str | None, path: str, data: dict[str, str]) -> None:
    """POST as JSON. Ends the program, with the server's words, when it is refused."""
    headers = {"Content-Type": "application/json"} | ({"Host": host} if host else {})
    request = urllib.request.Request(address.rstrip("/") + path, json.dumps(data).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            response.read()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{path}: {error.code}: {error.read().decode(errors='replace')}") from error
    except OSError as error:
        raise SystemExit(f"{address} does not answer: {error}") from error


def main() -> None:
    parser = argparse.ArgumentParser(description="Put sample data into one client's environment.")
    parser.add_argument("address", help="as in http://127.0.0.1:8080")
    parser.add_argument("--host", help="the environment's host name, when the address is the balancer's")
    parser.add_argument("--orders", type=int, default=20, help="how many work orders (default 20)")
    parser.add_argument("--twin-codes", action="store_true", help="add the asset that release 1.2 cannot bear")
    given = parser.parse_args()
    for code, name, location in (*ASSETS, *([TWIN] if given.twin_codes else [])):
        post(given.address, given.host, "/api/assets", {"code": code, "name": name, "location": location})
    for number in range(given.orders):
        code, name, _ = ASSETS[number % len(ASSETS)]
        title = f"{TASKS[number % len(TASKS)]} the {name.lower()}"
        order = {"title": title, "asset": code, "reference": f"sample-{number}"}
        post(given.address, given.host, "/api/work-orders", order)
    print(f"{given.host or given.address}: {len(ASSETS) + given.twin_codes} assets, {given.orders} work orders")


if __name__ == "__main__":
    main()
