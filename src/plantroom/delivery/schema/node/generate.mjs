// Answers each line `{"source": URL, "target": URL}` on standard input with one line: `{"statements": [SQL, …]}`, or
// `{"error": text}`. It only reads the two databases.
import { createInterface } from "node:readline";
import { extract } from "@supabase/pg-delta/extract";
import { plan } from "@supabase/pg-delta/plan";
import pg from "pg";

async function facts(url) {
  const given = new URL(url);
  const pool = new pg.Pool({
    host: given.searchParams.get("host"),
    user: given.searchParams.get("user"),
    database: decodeURIComponent(given.pathname.slice(1)),
    max: 2,
  });
  try {
    return (await extract(pool, { redactSecrets: false })).factBase;
  } finally {
    await pool.end();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const { source, target } = JSON.parse(line);
    const [from, to] = [await facts(source), await facts(target)];
    answer = { statements: plan(from, to).actions.map((action) => action.sql) };
  } catch (error) {
    answer = { error: String(error?.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
