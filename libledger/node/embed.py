#!/usr/bin/env python3
"""Writes a file as a C++ header: `embed.py NAME FILE` gives a `std::string_view` called NAME."""

import pathlib
import sys

name, path = sys.argv[1:]
text = pathlib.Path(path).read_text(encoding="utf-8")
assert ')embedded"' not in text
# g++ takes literals of any length; lines of the file stay lines, so that a diff of builds shows them.
print(f"""// Made from {pathlib.Path(path).name}.
#pragma once

#include <string_view>

inline constexpr std::string_view {name} = R"embedded({text})embedded";""")
