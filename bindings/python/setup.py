"""Puts the shared libraries, which are built already, into the wheel.

They are looked for in the folders of KVSPARSE_LIBRARY_PATH, or in the build
tree around this folder.
"""

import os
import shutil
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

try:  # setuptools 70.1 and later
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:
    from wheel.bdist_wheel import bdist_wheel

HERE = Path(__file__).resolve().parent
ENDING = "0.dylib" if sys.platform == "darwin" else "so.0"
# The second one is missing where libkvsparse was built without FFmpeg, the
# third one where it was built without libmatroska.
LIBRARIES = {
    f"libkvsparse.{ENDING}": "lib/core/.libs",
    f"libkvsparse-av.{ENDING}": "lib/av/.libs",
    f"libkvsparse-matroska.{ENDING}": "lib/matroska/.libs",
}


def find(name: str, folder: str) -> Path | None:
    chosen = os.environ.get("KVSPARSE_LIBRARY_PATH")
    if chosen:
        folders = [Path(path) for path in chosen.split(os.pathsep)]
    else:
        top = HERE.parent.parent
        folders = [top / folder, top / "build" / folder]
    for path in folders:
        if (path / name).is_file():
            return (path / name).resolve()  # what the link points to
    return None


class BuildWithLibraries(build_py):
    def run(self) -> None:
        super().run()
        target = Path(self.build_lib) / "kvsparse" / "_lib"
        target.mkdir(parents=True, exist_ok=True)
        for name, folder in LIBRARIES.items():
            library = find(name, folder)
            if library:
                shutil.copyfile(library, target / name)
            elif name.startswith("libkvsparse."):
                sys.exit(
                    f"{name} is not there. Build libkvsparse first (./bootstrap "
                    "&& make, in the folder above bindings), or set "
                    "KVSPARSE_LIBRARY_PATH to the folder that has it (several "
                    f"are separated by {os.pathsep!r})."
                )


class WithLibraries(Distribution):
    """It holds programs of this kind of machine, though none for Python."""

    def has_ext_modules(self) -> bool:
        return True


class AnyPython(bdist_wheel):
    def get_tag(self) -> tuple[str, str, str]:
        return ("py3", "none", super().get_tag()[2])


setup(
    distclass=WithLibraries,
    cmdclass={"build_py": BuildWithLibraries, "bdist_wheel": AnyPython},
)
