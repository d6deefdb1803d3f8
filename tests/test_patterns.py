"""The patterns of the package mean the same with every Python that it is for."""

import importlib
import pkgutil
import re

import repair


def test_no_possessive_groups_of_re():
    """CPython before 3.11.5 gets them wrong: after a failed turn it goes on from where that failed (gh-106052)."""
    found = []
    for info in pkgutil.walk_packages(repair.__path__, "repair."):
        if info.name.endswith("__main__"):
            continue
        try:
            module = importlib.import_module(info.name)
        except ImportError:  # what an extra that is not installed is for
            continue
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                pattern = value.pattern if isinstance(value.pattern, str) else value.pattern.decode("latin-1")
                if re.search(r"\)(?:[*+?]|\{\d*,?\d*\})\+|\(\?>", pattern):
                    found.append(f"{info.name}.{name}")
    assert found == []
