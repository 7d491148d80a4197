#!/usr/bin/env python3
"""Fails when a file of src/ includes a room that tools/layers does not allow it, or a third-party header outside its one room."""
import pathlib
import re
import sys

# Headers that must stay in one room, so that the library behind them can be replaced there.
CONTAINED = {
    "mongoc/": {"mongo"},
    "bson/": {"bson", "mongo"},
    "openssl/": {"codec"},
    "zstd": {"codec"},
    "xxhash": {"codec"},
    "CLI/": {"cli"},
    "archive": {"files"},
}


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


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    found = list(violations(root))
    print("\n".join(found) if found else "layers: every include is allowed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
