#!/usr/bin/env python3
"""Fails when a file of src/ includes a room that tools/layers does not allow it, or a third-party header outside its one room.

And when a room names two types alike: no compiler sees it, and the linker takes their functions for the same."""
import pathlib
import re
import sys

# Headers that must stay in one room, so that the library behind them can be replaced there.
CONTAINED = {
    "mongoc/": {"mongo"},
    "bson/": {"bson", "mongo"},
    "openssl/": {"codec", "mongo"},
    "zstd": {"codec"},
    "xxhash": {"codec"},
    "CLI/": {"cli"},
    "date/": {"cli"},
    "archive": {"files"},
    "curl/": {"net"},
    "pugixml": {"storage"},
    "yaml-cpp": {"storage"},
}

# The line that begins the definition of a type in a namespace; the layout puts it in the first column.
TYPE = r"(?:struct|class|enum class|enum|union) (\w+)\b(?!::)[^;]*$"


def allowed_edges(text):
    edges = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        room, uses = line.split(":")
        direct = uses.split()
        for used in direct:
            if used not in edges:
                sys.exit(f"tools/layers: '{room.strip()}' uses '{used}', which is not declared above it")
        edges[room.strip()] = set(direct).union(*(edges[u] for u in direct))
    return edges


def violations(root):
    edges = allowed_edges((root / "tools/layers").read_text())
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in {".h", ".cc"}:
            continue
        room = path.relative_to(root / "src").parts[0]
        if room not in edges:
            yield f"{path}: folder '{room}' is not in tools/layers"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            include = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            if not include:
                continue
            header = include[1]
            target = header.split("/")[0]
            if '"' in line and target in edges and target != room and target not in edges[room]:
                yield f"{path}:{number}: '{room}' may not use '{target}' ({header})"
            for prefix, rooms in CONTAINED.items():
                if "<" in line and header.startswith(prefix) and room not in rooms:
                    yield f"{path}:{number}: <{header}> belongs in {' or '.join(sorted(rooms))}, not in '{room}'"


def shared_types(path):
    """The types that a file defines in its namespace itself: not in an unnamed one, and not within another type."""
    namespaces = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if opened := re.match(r"namespace ?([\w:]*) ?\{$", line):
            namespaces.append(opened[1])
        elif re.match(r"\}  // namespace", line):
            namespaces.pop()
        elif "" not in namespaces and (found := re.match(TYPE, line)):
            yield f"{'::'.join(namespaces)}::{found[1]}", number


def types_named_alike(root):
    first = {}
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in {".h", ".cc"}:
            continue
        for name, number in shared_types(path):
            if name in first:
                yield f"{path}:{number}: there is a {name} in {first[name]} too"
            first.setdefault(name, f"{path}:{number}")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    found = [*violations(root), *types_named_alike(root)]
    print("\n".join(found) if found else "layers: every include is allowed, and no two types are named alike")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
