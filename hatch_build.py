"""Compiles the inner loops (``repair/language/kernels.c``) when the package is built.

Where there is no C compiler the package is built without them: everything works the same, only slower.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SUFFIX = ".dll" if sys.platform == "win32" else ".dylib" if sys.platform == "darwin" else ".so"


class KernelsHook(BuildHookInterface):
    """Adds the compiled library to the wheel, which then is one for this platform; any Python 3 can load it."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        source = Path(self.root, "repair", "language", "kernels.c")
        target = source.with_name("libkernels" + SUFFIX)
        if not compiled(source, target):
            return
        build_data["force_include"][str(target)] = f"repair/language/{target.name}"
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"


def compiled(source: Path, target: Path) -> bool:
    """Compile `source` to the shared library `target`; whether that worked."""
    named = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    # Some Pythons were built with another compiler than the one that is here.
    for command in (shlex.split(named), ["cc"], ["gcc"], ["clang"]):
        if not command or not shutil.which(command[0]):
            continue
        beside = target.with_name(target.name + ".partial")
        try:
            flags = ["-O2", "-std=c99", "-ffp-contract=off", "-shared", "-fPIC"]
            subprocess.run([*command, *flags, "-o", str(beside), str(source)], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        os.replace(beside, target)
        return True
    print("repair: no C compiler found, building without compiled inner loops (slower)", file=sys.stderr)
    return False
