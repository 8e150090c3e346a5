"""The front-end files of others that we ship: which, from where, and whether they are still what was fetched.

static/vendor/vendor.toml lists each package with the sha512 of its npm tarball, and each file with its own.
"""

import base64
import hashlib
import re
import subprocess
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

SOURCE_MAP = re.compile(rb"\s*(?://[#@] sourceMappingURL=\S+|/\*# sourceMappingURL=.*?\*/)\s*$")


@dataclass(frozen=True, slots=True)
class Package:
    """integrity: of the tarball, as npm writes it; files: path in the package -> sha512 (hex) as we ship it."""

    name: str
    version: str
    licence: str
    integrity: str
    files: dict[str, str]

    @property
    def folder(self) -> str:
        return f"{self.name.rpartition('/')[2]}/{self.version}"


def listed(vendor: Path) -> list[Package]:
    found = tomllib.loads((vendor / "vendor.toml").read_text())
    return [Package(**package) for package in found["package"]]


def wrong_files(vendor: Path) -> list[str]:
    """What differs from the list, in words: changed, missing, or there without being listed."""
    expected = {
        f"{package.folder}/{Path(name).name}": digest
        for package in listed(vendor)
        for name, digest in package.files.items()
    }
    there = {str(path.relative_to(vendor)) for path in vendor.rglob("*") if path.is_file()} - {"vendor.toml"}
    missing = [f"{name} is missing" for name in sorted(set(expected) - there)]
    unlisted = [f"{name} is not in vendor.toml" for name in sorted(there - set(expected))]
    changed = [
        f"{name} is not what was fetched"
        for name in sorted(there & set(expected))
        if sha512(vendor / name) != expected[name]
    ]
    return missing + unlisted + changed


def sha512(path: Path) -> str:
    return hashlib.sha512(path.read_bytes()).hexdigest()


def fetch(package: Package, vendor: Path) -> None:
    """Fetch with npm, check the tarball, keep the listed files. Raises ValueError if it is another tarball.

    Source maps are not shipped, so the line that names one goes: hashed file names would look for it.
    """
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(  # noqa: S603
            ["npm", "pack", "--silent", f"{package.name}@{package.version}"],  # noqa: S607
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (tarball,) = Path(folder).glob("*.tgz")
        digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != package.integrity:
            raise ValueError(f"{package.name} {package.version} is not the tarball that vendor.toml names.")
        target = vendor / package.folder
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(tarball) as archive:
            for name in package.files:
                content = archive.extractfile(f"package/{name}")
                if content is None:
                    raise ValueError(f"{package.name} {package.version} holds no file {name}.")
                (target / Path(name).name).write_bytes(SOURCE_MAP.sub(b"\n", content.read()))
