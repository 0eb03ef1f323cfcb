"""What the loader gives, and what it asks Git."""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from plantroom.estate import reading
from plantroom.estate.errors import EstateError, EstateExistsError, EstateNameError
from plantroom.estate.files import LARGEST_FILE
from plantroom.estate.loader import load
from plantroom.estate.model import Source
from plantroom.estate.schema import json_schema
from plantroom.estate.template import TEMPLATE, text, write_template
from plantroom.estate.values import LONGEST_VALUE
from plantroom.platforms.contract import LONGEST_DRAIN_S

MAIN = """\
estate: {name: small}
people:
  ada: {name: Ada Lovelace, account: ada}
applications:
  site: {release: "1.10", processes: {web: {cpus: 0.25}}}
stages: {uat: {}}
regions: {north: {}}
server_pools: {mesh: {region: north, servers: 1}}
rings: [{name: pilot, soak: 5m}]
"""
CLIENT = """\
clients:
  harbour:
    ring: pilot
    environments:
      uat: {application: site, hosts: [harbour.example.com], values: {ON: no, DAY: 2027-01-31}, go_live: 2027-02-01}
"""


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    (tmp_path / "main.yaml").write_text(MAIN)
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients/north.yml").write_text(CLIENT)
    return tmp_path


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_files_are_merged_and_every_named_object_has_its_place(estate: Path) -> None:
    loaded = load(estate)
    assert loaded.estate.rings[0].soak == 300
    assert loaded.sources["clients/harbour"] == Source("clients/north.yml", 2, 3)
    assert loaded.sources["clients/harbour/environments/uat"] == Source("clients/north.yml", 5, 7)
    assert loaded.sources["rings/pilot"] == Source("main.yaml", 9, 9)
    assert loaded.sources["server_pools/mesh"] == Source("main.yaml", 8, 16)


def test_scalars_follow_yaml_1_2(estate: Path) -> None:
    environment = load(estate).estate.clients["harbour"].environments["uat"]
    assert environment.values == {"ON": "no", "DAY": "2027-01-31"}
    assert environment.go_live is not None
    assert environment.go_live.isoformat() == "2027-02-01"


@pytest.mark.parametrize("one", ["x", "é"])
def test_a_value_is_at_most_as_long_as_a_process_can_have_it_with_the_longest_name(estate: Path, one: str) -> None:
    name, longest = "N" * 128, one * (LONGEST_VALUE // len(one.encode()))
    file = estate / "clients/north.yml"
    file.write_text(CLIENT.replace("ON: no", f"{name}: {longest}"))
    values = load(estate).estate.clients["harbour"].environments["uat"].values
    assert subprocess.run(["/bin/true"], env=dict(values), check=False).returncode == 0
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["/bin/true"], env={name: longest + "xx"}, check=False)
    file.write_text(CLIENT.replace("ON: no", f"{name}: {longest}{one}"))
    with pytest.raises(EstateError) as told:
        load(estate)
    (mistake,) = told.value.mistakes
    assert f'"{one * 40}…" is too long for an environment variable. Give at most 130942 bytes' in str(mistake)
    assert '"maxLength": 130942' in json.dumps(json_schema())


def test_hidden_files_and_directories_are_left_out(estate: Path) -> None:
    (estate / ".hidden.yaml").write_text("[not an estate")
    (estate / ".cache").mkdir()
    (estate / ".cache/x.yaml").write_text("[not an estate")
    assert load(estate).estate.estate.name == "small"


def test_content_is_of_the_data_and_not_of_its_spelling(estate: Path) -> None:
    before = load(estate).content
    (estate / "main.yaml").write_text("# a comment\n" + MAIN.replace("{uat: {}}", "\n  uat: {}"))
    assert load(estate).content == before
    (estate / "main.yaml").write_text(MAIN.replace("0.25", "0.26"))
    assert load(estate).content != before


def test_outside_of_git_the_tree_is_dirty(estate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(estate.parent))
    loaded = load(estate)
    assert (loaded.commit, loaded.dirty) == ("", True)


def test_without_git_the_tree_is_dirty(estate: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    git(estate, "init", "-q")
    git(estate, "add", ".")
    git(estate, "commit", "-qm", "first")
    assert not load(estate).dirty
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert (load(estate).commit, load(estate).dirty) == ("", True)


def test_only_what_is_below_the_directory_makes_it_dirty(tmp_path: Path) -> None:
    estate = tmp_path / "estate"
    estate.mkdir()
    (estate / "main.yaml").write_text(MAIN)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    assert load(estate).commit == "", "a repository without a commit"
    git(tmp_path, "commit", "-qm", "first")
    (tmp_path / "beside.txt").write_text("not the estate's")
    loaded = load(estate)
    assert (loaded.commit, loaded.dirty) == (git(tmp_path, "rev-parse", "HEAD"), False)
    (estate / "more.yaml").write_text("regions: {south: {}}\n")
    assert load(estate).dirty, "an untracked file"
    (tmp_path / ".gitignore").write_text("more.yaml\n")
    assert load(estate).dirty, "an ignored file that is read all the same"
    (estate / "more.yaml").unlink()
    assert not load(estate).dirty
    (estate / "main.yaml").write_text(MAIN.replace("5m", "6m"))
    assert load(estate).dirty, "a changed file"


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_was_told_not_to_look_at_is_dirty(estate: Path, flag: str) -> None:
    git(estate, "init", "-q")
    git(estate, "add", ".")
    git(estate, "commit", "-qm", "first")
    assert not load(estate).dirty
    git(estate, "update-index", flag, "main.yaml")
    (estate / "main.yaml").write_text(MAIN.replace("5m", "6m"))
    assert load(estate).dirty


def test_a_link_is_dirty_when_what_it_leads_to_is_not_in_the_commit(tmp_path: Path) -> None:
    repository, beside = tmp_path / "repository", tmp_path / "beside.yaml"
    estate = repository / "estate"
    (repository / "shared").mkdir(parents=True)
    estate.mkdir()
    (estate / "main.yaml").write_text(MAIN)
    (repository / "shared/clients.txt").write_text(CLIENT)
    beside.write_text("regions: {south: {}}\n")
    git(repository, "init", "-q")
    (estate / "clients.yaml").symlink_to("../shared/clients.txt")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "first")
    assert not load(estate).dirty, "a link to a file of the commit"
    (repository / "shared/clients.txt").write_text(CLIENT + "# changed\n")
    assert load(estate).dirty, "the link is as it was, what it leads to is not"
    git(repository, "checkout", "-q", ".")
    (estate / "more.yaml").symlink_to(beside)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "a link out of the repository")
    assert load(estate).dirty, "nobody committed what it leads to"
    (repository / ".gitignore").write_text("way\n")
    (repository / "way").symlink_to("shared")
    (estate / "more.yaml").unlink()
    (estate / "clients.yaml").unlink()
    (estate / "clients.yaml").symlink_to("../way/clients.txt")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "a link by way of another")
    assert load(estate).dirty, "the link between is ignored, and may lead elsewhere tomorrow"


def test_what_looks_like_a_file_of_the_estate_is_read_or_told(
    estate: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "regions.yaml").write_text("regions: {south: {}}\n")
    (estate / "south").symlink_to(elsewhere)
    (estate / "SOUTH.YAML").write_text("regions: {south: {}}\n")
    (estate / "notes.txt").write_text("not an estate")
    with pytest.raises(EstateError) as caught:
        load(estate)
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        "SOUTH.YAML:1:1: a file that ends with .YAML is not read. Let its name end with .yaml",
        "south:1:1: a directory behind a symbolic link is not read. Put the files themselves there",
    ]


def test_another_repository_in_the_environment_is_not_asked(
    estate: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(estate, "init", "-q")
    git(estate, "add", ".")
    git(estate, "commit", "-qm", "first")
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert not load(estate).dirty


def test_a_directory_that_is_not_there_is_one_mistake(tmp_path: Path) -> None:
    with pytest.raises(EstateError) as caught:
        load(tmp_path / "gone")
    assert [str(mistake.source) for mistake in caught.value.mistakes] == [".:1:1"]
    assert caught.value.code == "PR101"


def test_a_file_that_cannot_be_read_is_a_mistake(estate: Path) -> None:
    (estate / "dangling.yaml").symlink_to(estate / "nowhere")
    with pytest.raises(EstateError) as caught:
        load(estate)
    assert "dangling.yaml:1:1: cannot be read" in str(caught.value)


def test_what_is_no_regular_file_is_a_mistake_and_is_not_waited_for(estate: Path) -> None:
    os.mkfifo(estate / "pipe.yaml")
    (estate / "link.yaml").symlink_to(estate / "pipe.yaml")
    (estate / "null.yaml").symlink_to("/dev/null")
    with pytest.raises(EstateError) as caught:
        load(estate)
    assert [(mistake.source.file, mistake.wrong) for mistake in caught.value.mistakes] == [
        (name, "this is no regular file") for name in ("link.yaml", "null.yaml", "pipe.yaml")
    ]


def test_a_file_that_is_too_large_is_a_mistake(estate: Path) -> None:
    with (estate / "dump.yaml").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(EstateError, match=r"dump\.yaml:1:1: the file is larger than 10 MiB"):
        load(estate)
    (estate / "dump.yaml").write_bytes(b"stages: {production: {}}\n".ljust(LARGEST_FILE, b"\n"))
    assert "production" in load(estate).estate.stages


def test_a_name_that_cannot_be_seen_is_written_out(estate: Path) -> None:
    (estate / "a\x1b[31m\nb.yaml").write_text("clients: {}\n[")
    with pytest.raises(EstateError) as caught:
        load(estate)
    (line,) = str(caught.value).splitlines()[1:]
    assert line.strip().startswith(r"a\x1b[31m\nb.yaml:3:1: ")


def test_the_error_lists_every_mistake_by_place(estate: Path) -> None:
    (estate / "main.yaml").write_text(MAIN.replace("servers: 1", "servers: 0").replace("soak", "soack"))
    with pytest.raises(EstateError) as caught:
        load(estate)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("PR101")
    assert "2 mistakes" in lines[0]
    assert [line.split(": ")[0].strip() for line in lines[1:]] == ["main.yaml:8:47", "main.yaml:9:23"]


def test_the_parser_in_python_reads_the_same(estate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = load(estate)
    monkeypatch.setattr(reading, "Parser", reading.PurePythonParser)
    assert load(estate) == compiled
    for bad in (b"a: [b\n", b"a:\n\tb: 1\n", b'a: "\\ud800"\n', b'a: "\\q"\n', b"\x01", b"a: b: c\n"):
        assert reading.read("x.yaml", bad).mistakes


def test_the_template_is_an_estate(tmp_path: Path) -> None:
    path = write_template(tmp_path / "new", 'Ada "Countess" Lovelace', "domain\\ada")
    loaded = load(path.parent)
    assert loaded.estate.people["ada-countess-lovelace"].account == "domain\\ada"
    assert loaded.estate.people["ada-countess-lovelace"].name == 'Ada "Countess" Lovelace'
    assert "@" not in text("ada", "ada")
    assert TEMPLATE.count("@PERSON@") == 1


def test_the_template_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("precious")
    with pytest.raises(EstateExistsError, match=r"PR102 .*mine\.yml: is already there"):
        write_template(tmp_path, "ada", "ada")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yml"]


@pytest.mark.parametrize("name", ["A\nB", "A\x1b", "A\x85B", "A" * 201, "\udcff", "A\ufffe"])
def test_a_new_estate_that_could_not_be_read_is_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(EstateNameError, match="PR103 name") as caught:
        write_template(tmp_path / "new", name, "ada")
    assert str(caught.value).isprintable()
    assert not (tmp_path / "new").exists()
    with pytest.raises(EstateNameError, match="PR103 account"):
        write_template(tmp_path / "new", "ada", "A\nB")


def test_the_schema_takes_the_drains_that_the_loader_takes(tmp_path: Path) -> None:
    pattern = json_schema()["$defs"]["Settings"]["properties"]["drain_timeout"]["pattern"]
    given = [f"{number}{unit}" for number in (*range(64), 100, 600, 3600) for unit in "smhd"]
    given += ["007s", "000060s", "0000060s", "000061s", "000001m", "0000001m", "000000d", "0000000h", "s", "-1s", "60"]
    taken = set()
    for one in given:
        (tmp_path / "main.yaml").write_text(MAIN.replace("{name: small}", f'{{name: small, drain_timeout: "{one}"}}'))
        with suppress(EstateError):
            assert load(tmp_path).estate.estate.drain_timeout <= LONGEST_DRAIN_S
            taken.add(one)
    assert {"0s", "59s", "60s", "1m"} < taken
    assert taken == {one for one in given if re.search(pattern, one)}


def test_the_schema_is_for_one_file_of_many() -> None:
    schema = json_schema()
    assert "required" not in schema
    assert schema["additionalProperties"] is False
    environment = schema["$defs"]["Environment"]
    assert environment["properties"]["hosts"]["minItems"] == 1
    assert schema["properties"]["clients"]["additionalProperties"] is False
    assert schema["$defs"]["Ring"]["properties"]["soak"]["type"] == "string"
    undescribed = [
        name for name, part in schema["$defs"].items() if part.get("type") == "object" and not part.get("description")
    ]
    assert undescribed == []
