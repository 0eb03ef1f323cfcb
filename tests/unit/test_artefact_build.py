"""Building: the same source and lock give the same digest, and whatever is wrong is refused in words."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from plantroom.delivery.artefacts import install
from plantroom.delivery.artefacts.definition import DefinitionError
from plantroom.delivery.artefacts.model import ArtefactKind
from plantroom.delivery.artefacts.service import Artefacts
from plantroom.kernel.errors import ArtefactError
from plantroom.platforms.contract import ProcessKind

FILES_APP = """
application: site
version: "1.0"
processes:
  web: {command: [serve, --port, "{port}", --root, "{app}"], health: /health, start_timeout: 2m, stop_grace: 5s}
  jobs: {command: [run-jobs], singleton: true}
"""
PYTHON_APP = """
application: tiny
version: "1.0"
python: {requirements: requirements.lock}
processes:
  web: {command: ["{python}", -m, tiny, "{port}"], health: /}
"""


def files_app(directory: Path, definition: str = FILES_APP) -> Path:
    (directory / "pages").mkdir(parents=True)
    (directory / "plantroom.app.yaml").write_text(definition)
    (directory / "pages" / "index.html").write_text("hello")
    (directory / "run").write_text("#!/bin/sh\n")
    (directory / "run").chmod(0o755)
    return directory


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An index with one package, `tinydep` 1.0, with a start script, a program and a dependency-free module. The
    result is its line in a lock."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    content = {
        "tinydep/__init__.py": "VALUE = 7\n\ndef main() -> None:\n    print(VALUE)\n",
        "tinydep-1.0.data/scripts/tool": "\x7fELF not really",
        "tinydep-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tinydep\nVersion: 1.0\n",
        "tinydep-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tinydep-1.0.dist-info/entry_points.txt": "[console_scripts]\ntinydep = tinydep:main\n",
    }
    hashes = {
        name: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        for name, text in content.items()
    }
    record = "".join(f"{name},sha256={hashes[name]},{len(text.encode())}\n" for name, text in content.items())
    wheel = shelf / "tinydep-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {
            **content,
            "tinydep-1.0.dist-info/RECORD": record + "tinydep-1.0.dist-info/RECORD,,\n",
        }.items():
            archive.writestr(name, text)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for tool in ("UV", "PIP"):
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(shelf))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return f"tinydep==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def python_app(directory: Path, lock: str, definition: str = PYTHON_APP) -> Path:
    (directory / "tiny").mkdir(parents=True)
    (directory / "plantroom.app.yaml").write_text(definition)
    (directory / "requirements.lock").write_text(lock)
    (directory / "tiny" / "__main__.py").write_text("import tinydep\nprint(tinydep.VALUE)\n")
    return directory


def blobs(layout: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (layout / "blobs" / "sha256").iterdir()}


def test_an_artefact_says_how_it_runs(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path / "layout")
    built = artefacts.build(files_app(tmp_path / "site"))
    assert artefacts.show(built.digest) == artefacts.show("site@1.0") == artefacts.verify(built.digest) == built
    assert (built.kind, built.platform, built.python, built.lock) == (ArtefactKind.FILES, "any", "", "")
    assert (built.workdir, built.environment, built.schema) == ("{app}", {}, None)
    jobs, web = built.processes
    assert (web.kind, web.health_path, web.start_timeout_s, web.stop_grace_s) == (ProcessKind.WEB, "/health", 120, 5)
    assert (jobs.kind, jobs.health_path, jobs.singleton) == (ProcessKind.WORKER, None, True)
    assert built.process("web") is web or built.process("web") == web
    assert built.process("none") is None


def test_the_layout_is_an_oci_image_layout(tmp_path: Path) -> None:
    built = Artefacts(tmp_path / "layout").build(files_app(tmp_path / "site"))
    assert json.loads((tmp_path / "layout" / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((tmp_path / "layout" / "index.json").read_text())
    (entry,) = index["manifests"]
    assert entry["digest"] == built.digest
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == "site@1.0"
    for name, content in blobs(tmp_path / "layout").items():
        assert hashlib.sha256(content).hexdigest() == name
    manifest = json.loads(blobs(tmp_path / "layout")[built.digest.removeprefix("sha256:")])
    assert entry["size"] == len(blobs(tmp_path / "layout")[built.digest.removeprefix("sha256:")])
    assert manifest["config"]["digest"].removeprefix("sha256:") in blobs(tmp_path / "layout")
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/vnd.oci.image.layer.v1.tar"]
    assert not list((tmp_path / "layout").glob(".build-*"))


def test_two_builds_in_two_places_have_one_digest(tmp_path: Path) -> None:
    first, second = files_app(tmp_path / "a"), tmp_path / "elsewhere" / "b"
    (second / "pages").mkdir(parents=True)
    for name in ("run", "pages/index.html", "plantroom.app.yaml"):  # made in another order, at another time
        shutil.copyfile(first / name, second / name)
        os.utime(second / name, (1, 1))
    (second / "run").chmod(0o700)
    (second / "pages" / "index.html").chmod(0o600)
    (second / "pages" / "__pycache__").mkdir()
    (second / "pages" / "__pycache__" / "x.pyc").write_text("left over")
    one = Artefacts(tmp_path / "one").build(first)
    program = (
        "import sys, pathlib as p\n"
        "from plantroom.delivery.artefacts.service import Artefacts\n"
        "print(Artefacts(p.Path(sys.argv[1])).build(p.Path(sys.argv[2])).digest)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "two"), str(second)]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    other = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path)
    assert other.stdout.strip() == one.digest
    assert blobs(tmp_path / "one") == blobs(tmp_path / "two")


def test_content_and_the_executable_bit_change_the_digest(tmp_path: Path) -> None:
    digests = set()
    for name in ("same", "text", "mode", "path", "run"):
        source = files_app(tmp_path / name)
        if name == "text":
            (source / "pages" / "index.html").write_text("hallo")
        elif name == "mode":
            (source / "run").chmod(0o644)
        elif name == "path":
            (source / "run").rename(source / "go")
        elif name == "run":
            (source / "plantroom.app.yaml").write_text(FILES_APP.replace("/health", "/healthy"))
        digests.add(Artefacts(tmp_path / f"layout-{name}").build(source).digest)
    assert len(digests) == 5


def test_a_version_never_changes(tmp_path: Path) -> None:
    artefacts, source = Artefacts(tmp_path / "layout"), files_app(tmp_path / "site")
    first = artefacts.build(source)
    assert artefacts.build(source) == first  # the same content is no work
    before = blobs(tmp_path / "layout")
    (source / "pages" / "index.html").write_text("changed")
    with pytest.raises(ArtefactError) as refused:
        artefacts.build(source)
    assert refused.value.code == "PR313"
    assert "layer app" in str(refused.value)
    assert "version" in refused.value.remedy
    assert blobs(tmp_path / "layout") == before  # and nothing of it was kept
    assert artefacts.show("site@1.0") == first
    (source / "plantroom.app.yaml").write_text(FILES_APP.replace('"1.0"', '"1.1"'))
    assert artefacts.build(source).digest != first.digest
    assert [artefact.reference for artefact in artefacts.list()] == ["site@1.0", "site@1.1"]


def test_versions_are_listed_by_number(tmp_path: Path) -> None:
    artefacts, source = Artefacts(tmp_path / "layout"), files_app(tmp_path / "site")
    for version in ("1.10", "1.9", "1.9.1", "1.10-rc1"):
        (source / "plantroom.app.yaml").write_text(FILES_APP.replace('"1.0"', f'"{version}"'))
        artefacts.build(source)
    assert [artefact.version for artefact in artefacts.list()] == ["1.9", "1.9.1", "1.10", "1.10-rc1"]


def test_a_rebuild_mends_a_damaged_layout(tmp_path: Path) -> None:
    artefacts, source = Artefacts(tmp_path / "layout"), files_app(tmp_path / "site")
    built = artefacts.build(source)
    artefacts.layout.blob_path(built.layers[0].digest).write_bytes(b"damaged")
    with pytest.raises(ArtefactError):
        artefacts.verify(built.digest)
    assert artefacts.build(source) == built == artefacts.verify(built.digest)


def test_later_sources_win_and_globs_choose(tmp_path: Path) -> None:
    common = tmp_path / "common"
    (common / "docs" / "deep").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "docs/deep/c.txt", "d.sql"):
        (common / name).write_text("common")
    source = tmp_path / "release"
    source.mkdir()
    (source / "b.txt").write_text("release")
    (source / "schema.sql").write_text("CREATE TABLE t ();")
    extra = 'sources: [../common, .]\nexclude: ["docs", "*.sql"]\nschema: {initial: schema.sql}\n'
    (source / "plantroom.app.yaml").write_text(FILES_APP + extra)
    artefacts = Artefacts(tmp_path / "layout")
    built = artefacts.build(source)
    listing = subprocess.run(
        ["tar", "-tf", str(artefacts.layout.blob_path(built.layers[0].digest))],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert listing == ["a.txt", "b.txt"]
    content = artefacts.layout.blob_path(built.layers[0].digest).read_bytes()
    assert b"release" in content
    assert built.schema is not None
    assert built.schema.initial.sql == "CREATE TABLE t ();"
    assert built.schema.initial.sha256 == hashlib.sha256(b"CREATE TABLE t ();").hexdigest()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "pages/../../outside"])
def test_a_link_that_leads_outside_is_refused(tmp_path: Path, target: str) -> None:
    source = files_app(tmp_path / "site")
    (source / "pages" / "link").symlink_to(target)
    with pytest.raises(ArtefactError, match=r"PR314.*link"):
        Artefacts(tmp_path / "layout").build(source)


def test_a_pipe_in_the_source_is_refused(tmp_path: Path) -> None:
    source = files_app(tmp_path / "site")
    os.mkfifo(source / "pipe")
    with pytest.raises(ArtefactError, match=r"PR314.*neither a file nor a link"):
        Artefacts(tmp_path / "layout").build(source)


def test_an_empty_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plantroom.app.yaml").write_text(FILES_APP)
    with pytest.raises(ArtefactError, match=r"PR314.*nothing to pack"):
        Artefacts(tmp_path / "layout").build(tmp_path)


# -- Python -----------------------------------------------------------------------------------------------------


def test_a_python_application_carries_its_dependencies(tmp_path: Path, wheels: str) -> None:
    artefacts = Artefacts(tmp_path / "layout")
    built = artefacts.build(python_app(tmp_path / "app", wheels))
    assert (built.kind, built.platform, built.python) == (
        ArtefactKind.PYTHON,
        install.platform_tag(),
        install.python_minor(),
    )
    assert built.lock == f"sha256:{hashlib.sha256(wheels.encode()).hexdigest()}"
    assert built.environment["PYTHONPATH"] == "{app}/lib:{app}/app"
    assert built.workdir == "{app}/app"
    lib, app = (artefacts.layout.blob_path(layer.digest) for layer in built.layers)
    names = subprocess.run(["tar", "-tf", str(lib)], capture_output=True, text=True, check=True).stdout.split()
    assert "lib/tinydep/__init__.py" in names
    assert "lib/bin/tool" in names
    assert "python.lock" in names
    # What differs between builders is not there: start scripts, records, byte code.
    assert not [name for name in names if name.endswith((".pyc", "RECORD", "INSTALLER", "bin/tinydep"))]
    assert str(tmp_path).encode() not in lib.read_bytes() + app.read_bytes()


def test_uv_and_pip_and_any_place_give_one_digest(tmp_path: Path, wheels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pip")
    with_uv = Artefacts(tmp_path / "one").build(python_app(tmp_path / "app", wheels))
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "uv" else found(name, *rest))
    with_pip = Artefacts(tmp_path / "two").build(python_app(tmp_path / "other" / "app", wheels))
    assert with_uv == with_pip
    assert blobs(tmp_path / "one") == blobs(tmp_path / "two")


def test_binaries_come_out_of_wheels(tmp_path: Path, wheels: str) -> None:
    source = files_app(tmp_path / "site", FILES_APP + "binaries: {requirements: binaries.lock, take: [bin/tool]}\n")
    (source / "binaries.lock").write_text(wheels)
    artefacts = Artefacts(tmp_path / "layout")
    built = artefacts.build(source)
    listing = ["tar", "-tvf", str(artefacts.layout.blob_path(built.layers[0].digest))]
    lines = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["bin/tool", "binaries.lock"]
    assert lines[0].startswith("-rwxr-xr-x 0/0")
    (source / "plantroom.app.yaml").write_text(
        (source / "plantroom.app.yaml").read_text().replace("bin/tool", "bin/gone")
    )
    with pytest.raises(ArtefactError, match=r"PR314.*bin/gone.*they have: bin/tool"):
        artefacts.build(source)


HASH = "--hash=sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("starlette==1.0", "starlette has no hash"),
        (f"starlette {HASH}", "starlette is not pinned"),
        (f"starlette>=1.0 {HASH}", "starlette is not pinned"),
        (f"starlette==1.* {HASH}", "starlette is not pinned"),
        ("starlette==1.0 --hash=md5:0123", "starlette is not pinned"),
        ("starlette==1.0 --hash=sha256:0123", "starlette is not pinned"),
        (f"starlette @ https://example.org/s.whl {HASH}", "starlette is not pinned"),
        ("-e .", "the option -e"),
        ("--index-url https://example.org", "the option --index-url"),
        ("-r other.txt", "the option -r"),
    ],
)
def test_a_lock_that_is_not_exact_is_refused_by_name(tmp_path: Path, line: str, wrong: str) -> None:
    lock = f"# made by hand\nclick==8.0 \\\n    {HASH}\n{line}\nh11==1.0\n"
    with pytest.raises(ArtefactError) as refused:
        Artefacts(tmp_path / "layout").build(python_app(tmp_path / "app", lock))
    assert refused.value.code == "PR311"
    assert f"line 4: {wrong}" in refused.value.value
    assert "line 5: h11 has no hash" in refused.value.value
    assert "click" not in refused.value.value


def test_a_lock_with_markers_and_extras_is_exact(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text(
        f"a[b,c]==1.0 ; python_version >= '3' \\\n  {HASH} \\\n  {HASH}\n    # via x\nd==1!2.0+e.1 {HASH}\n"
    )
    install.check_lock(lock)


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path, wheels: str) -> None:
    with pytest.raises(ArtefactError, match=r"PR312.*[Hh]ash"):
        Artefacts(tmp_path / "layout").build(python_app(tmp_path / "app", f"tinydep==1.0 {HASH}\n"))
    assert not Artefacts(tmp_path / "layout").list()


# -- the build definition ---------------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "plantroom.app.yaml").write_text(
        textwrap.dedent("""
            application: Tiny
            version: 1.0
            proceses: {}
            python: {requirement: x}
            processes:
              web: {command: serve, health: health, start_timeout: 20}
        """)
    )
    with pytest.raises(DefinitionError) as refused:
        Artefacts(tmp_path / "layout").build(tmp_path)
    text = str(refused.value)
    told = {problem.path: problem for problem in refused.value.problems}
    assert set(told) == {
        "application", "version", "proceses", "python.requirements", "python.requirement",
        "processes.web.command", "processes.web.health", "processes.web.start_timeout",
    }  # fmt: skip
    assert "Did you mean `processes`?" in text
    assert 'version: "1.0"' in text
    assert "Did you mean `requirements`?" in text
    assert "20s or 2m" in text
    assert "PR310" in text
    assert "8 mistakes" in text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("{port}", "{prot}"), "unknown placeholder {prot}"),
        (('"{port}"', '"80"'), "no {port} in it"),
        (("[run-jobs]", '[run-jobs, "{port}"]'), "processes.jobs.health: it is missing"),
        (("[run-jobs]", '["{python}"]'), "{python} without `python:`"),
        (("health: /health,", "health: /health, singleton: true,"), "a web process cannot be one"),
        (("  web: {", "  front: {"), "processes.front.health: only web has one"),
        (
            (
                '  web: {command: [serve, --port, "{port}", --root, "{app}"], health: /health,',
                "  web: {command: [serve],",
            ),
            "processes.web.health: it is missing",
        ),
        (("processes:", "sources: [., nowhere]\nprocesses:"), "sources.1: there is no directory nowhere"),
        (("processes:", "python: {requirements: none.lock}\nprocesses:"), "there is no file none.lock"),
        (("processes:", "schema: {initial: run, migrate: run}\nprocesses:"), "schema.from: it is missing"),
        (("processes:", 'schema: {initial: run, from: "1.0"}\nprocesses:'), "it is this release itself"),
        (("processes:", 'version: "2"\nprocesses:'), "'version' is there twice"),
        (("processes:", "a: [\nprocesses:"), "it is not YAML"),
        ((FILES_APP, "- a\n"), "it is not a mapping"),
        ((FILES_APP, ""), "it is not a mapping"),
        (("jobs:", "Jobs:"), "this is no name"),
        (("[run-jobs]", "[]"), "processes.jobs.command"),
    ],
)
def test_each_mistake_is_told(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    assert change[0] in FILES_APP
    with pytest.raises(DefinitionError) as refused:
        Artefacts(tmp_path / "layout").build(files_app(tmp_path / "site", FILES_APP.replace(*change)))
    assert told in str(refused.value)


def test_a_shell_variable_is_no_placeholder(tmp_path: Path) -> None:
    changed = FILES_APP.replace("[run-jobs]", "[sh, -c, 'run ${port} ${other}']")
    built = Artefacts(tmp_path / "layout").build(files_app(tmp_path / "site", changed))
    assert built.processes[0].command[-1] == "run ${port} ${other}"


def test_a_directory_without_definition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"plantroom\.app\.yaml"):
        Artefacts(tmp_path / "layout").build(tmp_path)
