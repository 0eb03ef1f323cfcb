"""`plantroom schema diff` as one would use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.house import TINY, build_tiny
from tests.schema.versions import lacking, on_each

from plantroom.delivery.schema.ground import Ground
from plantroom.delivery.schema.model import Failure, Statement
from plantroom.delivery.schema.statements import split
from plantroom.runtime.processes import wait_until
from plantroom.runtime.scratch import SUPERUSER, Scratch

OLD = """
CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, note text);
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint REFERENCES customer, total numeric(10,2));
CREATE VIEW totals AS SELECT customer, sum(total) AS total FROM orders GROUP BY customer;
"""
NEW = OLD.replace("note text", "note text, email text") + "CREATE INDEX orders_customer ON orders (customer);"
RENAMED = """
-- plantroom: renamed from customer
CREATE TABLE client (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    full_name text NOT NULL, -- plantroom: renamed from name
    note text
);
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint REFERENCES client, total numeric(10,2));
CREATE VIEW totals AS SELECT customer, sum(total) AS total FROM orders GROUP BY customer;
"""


def run(home: Path, *words: str, command: str = "diff") -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-m", "plantroom.entrypoints.cli.main", "--home", str(home), "schema", command, *words]
    return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=120)


def diff(home: Path, old: str, new: str) -> dict[str, Any]:
    for name, text in (("old.sql", old), ("new.sql", new)):
        (home / name).write_text(text)
    ended = run(home, str(home / "old.sql"), str(home / "new.sql"), "--json")
    assert ended.stderr == ""
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.fixture
def home(short_dir: Path, request: pytest.FixtureRequest) -> Path:
    made = short_dir / f"schema-{abs(hash(request.node.name)) % 10**8}"
    made.mkdir()
    return made


def test_the_script_is_printed_and_what_is_said_of_it_beside(home: Path) -> None:
    (home / "old.sql").write_text(OLD)
    (home / "new.sql").write_text(NEW)
    ended = run(home, str(home / "old.sql"), str(home / "new.sql"))
    assert ended.returncode == 0
    assert "ADD COLUMN" in ended.stdout
    assert "CREATE INDEX orders_customer" in ended.stdout
    assert "blocks writes" in ended.stderr
    assert "proven with pgmig" in ended.stderr


def test_a_safer_form_is_told_of_and_printed_when_it_is_asked_for(home: Path) -> None:
    (home / "old.sql").write_text(OLD)
    (home / "new.sql").write_text(NEW)
    names = (str(home / "old.sql"), str(home / "new.sql"))
    plain, safer, both = run(home, *names), run(home, *names, "--safer"), run(home, *names, "--safer", "--json")
    assert "CONCURRENTLY" not in plain.stdout
    assert "0 of its statements stop others for long, 2 of these; 2 transactions in place of 1" in plain.stderr
    assert "CREATE INDEX CONCURRENTLY orders_customer" in safer.stdout
    assert "blocks writes" not in safer.stderr
    found = json.loads(both.stdout)
    assert (found["script"], found["safer"]["script"]) == (plain.stdout, safer.stdout)
    assert found["safer"]["transactions"] == 2
    assert len(found["safer"]["statements"]) == 2
    assert "not transactional" in {one["class"] for one in found["safer"]["hazards"]}


def test_where_nothing_is_safer_that_is_said(home: Path) -> None:
    (home / "old.sql").write_text("CREATE TABLE t (a integer);")
    (home / "new.sql").write_text("CREATE TABLE t (a bigint);")
    ended = run(home, str(home / "old.sql"), str(home / "new.sql"), "--safer")
    assert "TYPE bigint" in ended.stdout
    assert "nothing in it has a safer form" in ended.stderr
    assert diff(home, "CREATE TABLE t (a integer);", "CREATE TABLE t (a bigint);")["safer"] is None


def test_equal_schemas_need_nothing(home: Path) -> None:
    found = diff(home, OLD, OLD.replace("name text NOT NULL, note text", "note text, name text NOT NULL"))
    assert (found["status"], found["script"], found["statements"]) == ("equal", "", [])


def test_a_rename_that_is_declared_keeps_the_rows(home: Path) -> None:
    found = diff(home, OLD, RENAMED)
    assert found["status"] == "proven"
    assert found["proof"]["lost"] == []
    assert found["proof"]["rows"] > 0
    assert found["policy"] == {"allowed": True, "why": ""}
    assert "RENAME TO client" in found["script"]
    assert "RENAME COLUMN name TO full_name" in found["script"]


def test_a_rename_that_is_not_declared_loses_them_and_would_be_refused(home: Path) -> None:
    undeclared = "\n".join(line.split("--")[0] for line in RENAMED.splitlines())
    found = diff(home, OLD, undeclared)
    assert found["status"] == "proven"
    assert "table public.customer" in found["proof"]["lost"]
    assert found["policy"]["allowed"] is False
    assert "loses data: table public.customer" in found["policy"]["why"]


def test_a_rename_of_long_ago_is_passed_over(home: Path) -> None:
    found = diff(home, "\n".join(line.split("--")[0] for line in RENAMED.splitlines()), RENAMED)
    assert found["status"] == "equal"


def test_a_sequence_made_anew_goes_on_behind_the_rows(home: Path) -> None:
    found = diff(home, "CREATE TABLE t (id integer NOT NULL);", "CREATE TABLE t (id serial NOT NULL);")
    assert found["status"] == "proven"
    assert "setval" in found["script"]


def test_a_directory_in_any_order(home: Path) -> None:
    (home / "parts").mkdir()
    (home / "parts" / "1.sql").write_text("CREATE VIEW v AS SELECT a FROM t;")
    (home / "parts" / "2.sql").write_text("CREATE TABLE t (a integer);")
    (home / "nothing.sql").write_text("")
    ended = run(home, str(home / "nothing.sql"), str(home / "parts"), "--json")
    assert json.loads(ended.stdout)["status"] == "proven"


def test_a_database_is_only_read(home: Path, scratch: Scratch) -> None:
    (home / "new.sql").write_text("CREATE TABLE t (a integer);")
    ended = run(home, scratch.url("plantroom", "postgres"), str(home / "new.sql"), "--json")
    assert json.loads(ended.stdout)["status"] == "proven", ended.stdout


def test_a_databases_owner_is_named_no_more_than_in_files(home: Path, scratch: Scratch) -> None:
    text = "CREATE TABLE item (id integer); CREATE VIEW v AS SELECT id FROM item; CREATE TABLE other ();"
    (home / "new.sql").write_text(text)
    with psycopg.connect(scratch.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        for one in ("CREATE ROLE some_app", "CREATE ROLE somebody", "CREATE DATABASE named OWNER some_app"):
            connection.execute(one.encode())
    with psycopg.connect(scratch.url(SUPERUSER, "named"), autocommit=True) as connection:
        connection.execute(f"SET ROLE some_app; {text} RESET ROLE; ALTER TABLE other OWNER TO somebody".encode())
    ended = run(home, scratch.url(SUPERUSER, "named"), str(home / "new.sql"), "--json")
    assert json.loads(ended.stdout)["statements"] == ["ALTER TABLE public.other OWNER TO CURRENT_USER"], ended.stdout


def test_every_mistake_is_told_at_once_with_its_place(home: Path) -> None:
    text = "CREATE TABLE t (a integer);\n\nCREATE TABLE u (a nosuch);\nCREATE EXTENSION postgis;\n"
    (home / "old.sql").write_text(text)
    (home / "new.sql").write_text("")
    ended = run(home, str(home / "old.sql"), str(home / "new.sql"), "--json")
    assert ended.returncode == 1
    error = json.loads(ended.stdout)["error"]
    assert (error["code"], error["value"]) == ("PR001", "2 of 3 statements cannot be loaded")
    assert f'{home / "old.sql"}:3: type "nosuch" does not exist' in error["mistakes"]
    assert any("postgis" in one and "--postgres" in one for one in error["mistakes"])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("\\i other.sql", "PR002"),
        ("SELECT 1; \0 DROP", "PR001"),
        ("SELECT 'open", "PR002"),
        ("-- plantroom: renamed from x\nSELECT 1;", "PR006"),
    ],
)
def test_what_cannot_be_read_is_refused(home: Path, text: str, code: str) -> None:
    (home / "old.sql").write_text("")
    (home / "new.sql").write_text(text)
    ended = run(home, str(home / "old.sql"), str(home / "new.sql"), "--json")
    assert (ended.returncode, json.loads(ended.stdout)["error"]["code"]) == (1, code)


def test_what_is_not_there_is_said(home: Path) -> None:
    ended = run(home, str(home / "none.sql"), str(home / "none.sql"))
    assert ended.returncode == 1
    assert "PR001" in ended.stderr
    assert "is not there" in ended.stderr


@pytest.mark.parametrize(
    ("script", "status", "reason"),
    [
        ("ALTER TABLE t ADD COLUMN b integer;", "proven", ""),
        ("ALTER TABLE t ADD COLUMN c integer;", "refused", "the script does not lead there"),
        ("ALTER TABLE u ADD COLUMN b integer;", "refused", "the script does not run"),
    ],
)
def test_a_script_of_ones_own_is_proven_or_refused(home: Path, script: str, status: str, reason: str) -> None:
    for name, text in (
        ("script.sql", script),
        ("old.sql", "CREATE TABLE t (a integer);"),
        ("new.sql", "CREATE TABLE t (a integer, b integer);"),
    ):
        (home / name).write_text(text)
    names = [str(home / name) for name in ("script.sql", "old.sql", "new.sql")]
    ended = run(home, *names, "--json", command="prove")
    found = json.loads(ended.stdout)
    assert (found["status"], found["reason"]) == (status, reason)
    assert ended.returncode == (0 if status == "proven" else 3)


def test_a_scripts_hazards_are_measured_wherever_it_leads(home: Path) -> None:
    (home / "script.sql").write_text("DROP TABLE t;")
    (home / "old.sql").write_text("CREATE TABLE t (a integer);")
    ended = run(home, str(home / "script.sql"), str(home / "old.sql"), "--json", command="hazards")
    assert "loses data" in {one["class"] for one in json.loads(ended.stdout)["hazards"]}
    assert (json.loads(ended.stdout)["status"], json.loads(ended.stdout)["proof"]["equal_by"]) == ("measured", None)


def test_sql_of_others_is_no_superusers(home: Path) -> None:
    """A superuser's SQL could start programs: COPY … TO PROGRAM."""
    sign = home / "sign"
    text = f"COPY (SELECT 1) TO PROGRAM 'touch {sign}'; DO $$ BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; END $$;"
    (home / "old.sql").write_text(text)
    (home / "new.sql").write_text("")
    ended = run(home, str(home / "old.sql"), str(home / "new.sql"), "--json")
    assert json.loads(ended.stdout)["error"]["code"] == "PR001"
    assert not sign.exists()


COMPARED = """
    CREATE FUNCTION less(aclitem, aclitem) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1::text < $2::text';
    CREATE FUNCTION equal(aclitem, aclitem) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1::text = $2::text';
    CREATE FUNCTION compare(aclitem, aclitem) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 0';
    CREATE OPERATOR << (LEFTARG = aclitem, RIGHTARG = aclitem, FUNCTION = less);
    CREATE OPERATOR == (LEFTARG = aclitem, RIGHTARG = aclitem, FUNCTION = equal);
"""


@pytest.mark.parametrize(
    "grab",
    [
        "GRANT pg_execute_server_program TO plantroom_owner",
        'GRANT pg_execute_server_program, "a ON b" TO plantroom_owner',
        "ALTER ROLE plantroom_owner SUPERUSER /* OWNER TO x */",
        "ALTER SYSTEM SET archive_command = 'x OWNER TO y'",
        "ALTER FUNCTION own() OWNER TO plantroom",
        "CREATE CAST (integer AS text) WITHOUT FUNCTION",
        "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO plantroom_owner",
        "ALTER FUNCTION own() OWNER TO pg_execute_server_program",
        'ALTER FUNCTION own() OWNER TO "pg_read_server_files"',
        "CREATE EXTENSION file_fdw; CREATE SERVER f FOREIGN DATA WRAPPER file_fdw;"
        " CREATE FOREIGN TABLE t (a text) SERVER f OPTIONS (program 'true')",
        "CREATE EXTENSION postgres_fdw; ALTER FOREIGN DATA WRAPPER postgres_fdw NO VALIDATOR",
        "CREATE EXTENSION postgres_fdw; ALTER FOREIGN DATA WRAPPER postgres_fdw VALIDATOR postgresql_fdw_validator"
        " NO HANDLER",
        "CREATE EXTENSION postgres_fdw; CREATE FOREIGN DATA WRAPPER w HANDLER postgres_fdw_handler",
        "CREATE FUNCTION v(text[], oid) RETURNS void LANGUAGE sql AS 'SELECT';"
        " CREATE FOREIGN DATA WRAPPER w VALIDATOR v",
        "CREATE FUNCTION v(text[], oid) RETURNS void LANGUAGE sql AS 'SELECT';"
        " CREATE FOREIGN DATA WRAPPER w VALIDATOR/* NO VALIDATOR */public.v OPTIONS (a 'VALIDATOR')",
        "CREATE EXTENSION postgres_fdw; ALTER EXTENSION postgres_fdw ADD FUNCTION own()",
        "ALTER DEFAULT PRIVILEGES FOR ROLE plantroom GRANT SELECT ON TABLES TO plantroom_owner",
        "ALTER DEFAULT PRIVILEGES FOR ROLE plantroom_owner, plantroom GRANT SELECT ON TABLES TO plantroom_owner",
        COMPARED + "CREATE OPERATOR CLASS own DEFAULT FOR TYPE aclitem USING btree"
        " AS OPERATOR 1 <<, OPERATOR 3 ==, FUNCTION 1 compare(aclitem, aclitem)",
        COMPARED + "ALTER OPERATOR FAMILY integer_ops USING btree ADD OPERATOR 3 == (aclitem, aclitem)",
        COMPARED + "ALTER OPERATOR FAMILY integer_ops USING btree ADD FUNCTION 1 compare(aclitem, aclitem)",
    ],
)
@on_each
def test_nobody_gets_more_than_the_owner_has(ground: Ground, grab: str) -> None:
    if lacking(ground.url("postgres"), grab):
        pytest.skip("the extension is not here")
    ground.create("grabbed")
    own = "CREATE FUNCTION own() RETURNS integer LANGUAGE sql SECURITY DEFINER AS $$ SELECT 1 $$;"
    failed = ground.load("grabbed", split(own + grab))
    assert [one.state for one in failed] in (["42501"], ["0LP01"], ["42939"]), failed


@on_each
def test_what_takes_nothing_from_anybody_is_made(ground: Ground) -> None:
    ground.create("made")
    text = """
        CREATE FOREIGN DATA WRAPPER one;
        CREATE FOREIGN DATA WRAPPER two NO HANDLER VALIDATOR postgresql_fdw_validator;
        CREATE EXTENSION citext; CREATE EXTENSION btree_gist; CREATE EXTENSION hstore;
        CREATE TYPE pair AS (a integer, b integer);
        CREATE FUNCTION compare(pair, pair) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a - ($2).a';
        CREATE FUNCTION less(pair, pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a < ($2).a';
        CREATE OPERATOR << (LEFTARG = pair, RIGHTARG = pair, FUNCTION = less);
        CREATE OPERATOR CLASS pairs DEFAULT FOR TYPE pair USING btree AS OPERATOR 1 <<, FUNCTION 1 compare(pair, pair);
        CREATE FUNCTION longer(text, text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT length($1) - length($2)';
        CREATE OPERATOR CLASS by_length FOR TYPE text USING btree AS FUNCTION 1 longer(text, text);
        ALTER DEFAULT PRIVILEGES FOR ROLE plantroom_owner GRANT SELECT ON TABLES TO PUBLIC;
    """
    assert ground.load("made", [one for one in split(text) if not lacking(ground.url("postgres"), one.sql)]) == []


@on_each
def test_a_superuser_calls_nothing_of_a_scripts(ground: Ground) -> None:
    ground.create("called")
    text = """
        CREATE SCHEMA evil;
        CREATE TABLE public.caught (who text);
        CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
            IF current_setting('is_superuser') = 'on' THEN INSERT INTO public.caught VALUES (current_user); END IF;
            RETURN pg_catalog.set_config($1, $2, $3);
        END $$;
        SET search_path = evil, pg_catalog, public;
        CREATE PUBLICATION p1 FOR ALL TABLES;
        CREATE PUBLICATION p2 FOR ALL TABLES;
    """
    assert ground.load("called", split(text)) == []
    with ground.session("called") as session:
        assert session.owner.execute("SELECT * FROM public.caught").fetchall() == []
        assert session.superuser.execute("SHOW search_path").fetchone() in (
            ("pg_catalog, pg_temp",),
            ("pg_catalog,pg_temp",),
        )


@pytest.mark.parametrize("role", ["plantroom", "pg_execute_server_program"])
def test_an_error_of_a_scripts_own_gives_it_no_role(ground: Ground, role: str) -> None:
    ground.create("lied")
    lie = f"""DO $$ BEGIN RAISE EXCEPTION 'role "{role}" does not exist' USING ERRCODE = '42704'; END $$;"""
    assert ground.load("lied", split(lie))
    with ground.session("lied") as session:
        found = session.owner.execute("SELECT pg_has_role(%s, 'MEMBER')", (role,)).fetchone()
    assert found == (False,)


@on_each
def test_a_schema_may_make_a_role(ground: Ground) -> None:
    ground.create("roles")
    text = "CREATE ROLE made_here; CREATE TABLE t (a int); ALTER TABLE t OWNER TO made_here;"
    assert ground.load("roles", split(text)) == []


def test_a_trigger_on_login_is_not_run_by_whoever_dumps(ground: Ground) -> None:
    ground.create("login")
    failed = ground.load(
        "login",
        split("""
            CREATE FUNCTION grab() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                IF current_user = 'plantroom' THEN ALTER ROLE plantroom_owner SUPERUSER; END IF;
            END $$;
            CREATE EVENT TRIGGER grab ON login EXECUTE FUNCTION grab();
        """),
    )
    assert failed == []
    assert any(one.kind == "EVENT TRIGGER" for one in ground.dump("login"))
    ground.fingerprint("login")
    assert not superuser(ground, "login")


def test_a_superuser_runs_one_statement_and_no_more(ground: Ground) -> None:
    ground.create("one")
    with ground.session("one") as session:
        done = session.run(Statement("CREATE EXTENSION citext; ALTER ROLE plantroom_owner SUPERUSER"))
    assert isinstance(done, Failure)
    assert not superuser(ground, "one")


def superuser(ground: Ground, name: str) -> bool:
    with ground.session(name) as session:
        found = session.owner.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'plantroom_owner'").fetchone()
    return found is not None and bool(found[0])


def test_nothing_is_left_when_it_is_killed(home: Path) -> None:
    (home / "slow.sql").write_text("SELECT pg_sleep(60);")
    command = [sys.executable, "-m", "plantroom.entrypoints.cli.main", "--home", str(home), "schema", "diff"]
    process = subprocess.Popen([*command, str(home / "slow.sql"), str(home / "slow.sql")])
    left = f"plantroom-scratch-{process.pid}-*"

    def there() -> list[Path]:
        return [*Path("/dev/shm").glob(left), *Path("/tmp").glob(left)]

    assert wait_until(lambda: bool(there()) and (there()[0] / "data" / "postmaster.pid").exists(), 20)
    server = int((there()[0] / "data" / "postmaster.pid").read_text().split()[0])
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert wait_until(lambda: not there() and not Path(f"/proc/{server}").exists(), 20)


def test_what_the_proving_ground_gives_its_owner_is_in_no_script(home: Path) -> None:
    """A wrapper is made by a superuser; that the owner may use it there is nobody else's business."""
    wrapper = "CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;"
    found = diff(home, "", wrapper)
    assert found["status"] == "proven"
    assert "CREATE SERVER" in found["script"]
    assert "GRANT" not in found["script"]
    assert diff(home, wrapper, "")["status"] == "proven"


def test_a_release_is_read_from_its_artefact(home: Path) -> None:
    build_tiny(home, home / "source", "1.0", "2.0")
    (home / "new.sql").write_text((TINY / "initial.sql").read_text() + "CREATE TABLE more (id int PRIMARY KEY);")
    ended = run(home, "tiny@1.0", str(home / "new.sql"), "--json")
    found = json.loads(ended.stdout)
    assert found["status"] == "proven"
    assert any("more" in one for one in found["statements"])
    assert json.loads(run(home, "tiny@1.0", "tiny@2.0", "--json").stdout)["status"] == "equal"
    ended = run(home, "tiny@1.0", "tiny@9.0", "--json")
    assert (ended.returncode, json.loads(ended.stdout)["error"]["code"]) == (1, "PR304")


def test_another_dialect_is_refused_by_its_name(home: Path) -> None:
    ended = run(home, "sqlserver://host/shop", "new.sql", "--json")
    error = json.loads(ended.stdout)["error"]
    assert (ended.returncode, error["code"], error["value"]) == (1, "PR003", "is one of sqlserver")
    assert "PostgreSQL" in error["limit"]


def test_a_rename_of_a_name_with_a_dot_is_taken(home: Path) -> None:
    new = '-- plantroom: renamed from "Old.T"\nCREATE TABLE "New.T" (a int);'
    found = diff(home, 'CREATE TABLE "Old.T" (a int);', new)
    assert found["statements"] == ['ALTER TABLE "Old.T" RENAME TO "New.T"']
    assert found["proof"]["lost"] == []


def test_a_rename_on_the_line_of_create_belongs_to_nothing(home: Path) -> None:
    (home / "new.sql").write_text("CREATE TABLE c (id int, b text -- plantroom: renamed from a\n);")
    (home / "old.sql").write_text("CREATE TABLE c (id int, a text);")
    ended = run(home, str(home / "old.sql"), str(home / "new.sql"), "--json")
    assert json.loads(ended.stdout)["error"]["code"] == "PR006"


def test_a_table_moves_into_a_schema_that_the_same_release_makes(home: Path) -> None:
    new = (
        "CREATE SCHEMA app;\n-- plantroom: renamed from public.customer\nCREATE TABLE app.client (id int PRIMARY KEY);"
    )
    found = diff(home, "CREATE TABLE public.customer (id int PRIMARY KEY);", new)
    assert found["status"] == "proven"
    assert found["proof"]["lost"] == []
    assert "DROP TABLE" not in found["script"]
    assert "CREATE SCHEMA app" in found["statements"]


def test_a_materialised_view_is_made_with_its_rows(home: Path) -> None:
    view = "CREATE MATERIALIZED VIEW mv AS SELECT a FROM t;"
    found = diff(home, f"CREATE TABLE t (a int, b text);{view}", f"CREATE TABLE t (a bigint, b text);{view}")
    assert found["status"] == "proven"
    assert "CREATE MATERIALIZED VIEW" in found["script"]
    assert "NO DATA" not in found["script"]
    found = diff(home, "CREATE TABLE t (a int);", f"CREATE TABLE t (a int);{view}CREATE INDEX ON mv (a);")
    assert "NO DATA" not in found["script"]


def test_the_one_who_runs_the_script_is_named_in_no_other_way(home: Path) -> None:
    table = "CREATE TABLE t (a int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE ROLE app;"
    policy = "CREATE POLICY p ON t TO app, CURRENT_USER USING (true);"
    for old, new in ((table, table + policy), (table + policy, table)):
        assert "plantroom" not in diff(home, old, new)["script"]
    server = "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
    mapping = "CREATE USER MAPPING FOR CURRENT_USER SERVER s;"
    for old, new in ((server, server + mapping), (server + mapping, server)):
        found = diff(home, old, new)
        assert found["status"] == "proven"
        assert "plantroom" not in found["script"]


def test_a_lock_is_held_until_its_transaction_ends(home: Path) -> None:
    old = "CREATE TABLE a (n int); CREATE TABLE b (n int);"
    found = diff(home, old, "CREATE TABLE a (n int, m int); CREATE TABLE b (n bigint);")
    on_a = [one for one in found["hazards"] if one["subject"] == "public.a" and one["class"] == "blocks reads"]
    told = [(one["brief"], one["detail"]) for one in on_a]
    assert told == [(False, "AccessExclusiveLock until statement 2 is through")]
    found = diff(home, old, "CREATE TABLE a (n int, m int); CREATE TABLE b (n int, m int);")
    assert {one["brief"] for one in found["hazards"] if one["class"] == "blocks reads"} == {True}
