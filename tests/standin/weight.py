"""Payload that makes the page as heavy as the real one: generated modules, half of which run at boot and keep
what they build. Nothing here sleeps; the time it costs is parsing, compiling and running."""

import random
from functools import lru_cache

FILES = 12  # script files that share the modules, at most
LEAST_PER_FILE = 100
# Measured in Chromium 156 after a collection: the medium page without rows, and each retained row on top.
BARE_HEAP_BYTES = 8_000_000
ROW_BYTES = 114
WORDS = (
    "Message", "Chat", "Media", "Group", "Contact", "Sync", "Status", "Call", "Label", "Order", "Catalog",
    "Sticker", "Reaction", "Receipt", "Session", "Storage", "Worker", "Banner", "Drawer", "Panel", "Picker",
)  # fmt: skip
ROLES = ("Action", "Bridge", "Utils", "Constants", "Job", "Handler", "Api", "Gating", "Strings", "Schema")


def module_names(count: int) -> list[str]:
    """Names in the style of the real ones. The even places run at boot."""
    return [
        f"WAWeb{WORDS[place % len(WORDS)]}{ROLES[place // len(WORDS) % len(ROLES)]}Part{place}"
        for place in range(count)
    ]


@lru_cache(maxsize=8)
def scripts(count: int, script_bytes: int, heap_bytes: int) -> tuple[bytes, ...]:
    """Source of all files. Generated once per process; about a second for the medium weight."""
    names = module_names(count)
    chance = random.Random(count)
    size = script_bytes // count if count else 0
    rows = max(0, heap_bytes - BARE_HEAP_BYTES) // ROW_BYTES // max(1, (count + 1) // 2)
    sources = [_module(name, place, size, rows, chance) for place, name in enumerate(names)]
    share = max(LEAST_PER_FILE, -(-len(sources) // FILES))
    files = []
    for start in range(0, len(sources), share):
        booting = names[start : start + share : 2] if start % 2 == 0 else names[start + 1 : start + share : 2]
        boot = f"for (const name of {booting!r}) require(name);\n"
        files.append(("".join(sources[start : start + share]) + boot).encode())
    return tuple(files)


def _module(name: str, place: int, size: int, rows: int, chance: random.Random) -> str:
    """One module of about `size` bytes: functions compiled when called, and a table built when it runs."""
    head = (
        f'__d("{name}", [], (require, exports) => {{\n'
        f"const rows = [];\n"
        f"for (let i = 0; i < {rows}; i++) "
        f"rows.push({{key: '{name}:' + i, at: i * {place + 1}.5, next: [i, i + 1]}});\n"
        f"exports.rows = rows;\n"
    )
    parts = [head]
    length = len(head)
    number = 0
    while length < size - 60:
        a, b = chance.randrange(1, 10**6), chance.randrange(1, 10**6)
        part = (
            f"exports.step{number} = (value) => {{ let sum = {a}; for (let i = 0; i < (value & 15); i++) "
            f"sum = (sum * 31 + i ^ {b}) | 0; return sum > {a} ? 'state-{a}' : 'state-{b}'; }};\n"
        )
        parts.append(part)
        length += len(part)
        number += 1
    parts.append(f"exports.ran = exports.step0 ? exports.step0({place}) : null;\n}});\n")
    return "".join(parts)
