#!/bin/sh
# Checks what `make` cannot install itself, and names the package that has it. Downloads nothing.
PYTHON=${PYTHON:-python3}
CXX=${CXX:-c++}

fail() {
    printf 'vastmax: %s\n' "$1" >&2
    exit 1
}

command -v "$PYTHON" >/dev/null 2>&1 ||
    fail "no $PYTHON found. Install Python 3.11 or newer (Debian, Ubuntu: apt install python3 python3-venv python3-dev; macOS: brew install python) or name one: make PYTHON=/path/to/python3"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$PYTHON" --version 2>&1) is too old; Python 3.11 or newer is needed. Name one with: make PYTHON=/path/to/python3.11"
"$PYTHON" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
    fail "this Python cannot make virtual environments. Install its venv package (Debian, Ubuntu: apt install python3-venv)"
header=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("include") + "/Python.h")')
[ -f "$header" ] ||
    fail "the Python headers are missing ($header). Install them (Debian, Ubuntu: apt install python3-dev; Fedora: dnf install python3-devel)"
# shellcheck disable=SC2086  # CXX may hold options
command -v ${CXX%% *} >/dev/null 2>&1 ||
    fail "no C++ compiler found ($CXX). Install one (Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install) or name one: make CXX=/path/to/g++"
echo '#include <vector>
int main() { return std::vector<int>(1).front(); }' | $CXX -std=c++17 -x c++ -fsyntax-only - 2>/dev/null ||
    fail "$CXX cannot compile C++17. Install g++ 9 or newer, or clang 10 or newer (Debian, Ubuntu: apt install g++), or name another: make CXX=/path/to/g++"
