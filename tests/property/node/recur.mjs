// Answers, a line for a line, when a rule's days begin and end: ical.js has the days, Intl has the zones.
import { createInterface } from "node:readline";
import ICAL from "ical.js";

const DAY = 86400000;
const formats = new Map();

function wall(instant, zone) {
  if (!formats.has(zone)) {
    formats.set(zone, new Intl.DateTimeFormat("en-US", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
      hour: "numeric", minute: "numeric", second: "numeric",
    }));
  }
  const part = Object.fromEntries(formats.get(zone).formatToParts(instant).map((one) => [one.type, Number(one.value)]));
  return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
}

function instant(local, zone) {
  const offsets = [local - 2 * DAY, local + 2 * DAY].map((one) => wall(one, zone) - one);
  const fitting = offsets.map((offset) => local - offset).filter((one) => wall(one, zone) === local);
  return fitting.length ? Math.min(...fitting) : local - offsets[0];
}

for await (const line of createInterface({ input: process.stdin })) {
  const { rule, since, after, before, offset, at, days, elapsed, zone } = JSON.parse(line);
  const iterator = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromDateString(since));
  const found = [];
  for (let next = iterator.next(); next; next = iterator.next()) {
    const local = Date.UTC(next.year, next.month - 1, next.day) + offset * DAY + at;
    if (local > before + 3 * DAY) break;
    const span = [instant(local, zone), instant(local + days * DAY, zone) + elapsed];
    if (span[0] < before && span[1] > after) found.push(span);
  }
  process.stdout.write(JSON.stringify(found) + "\n");
}
