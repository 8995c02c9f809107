"""Reads a Dockerfile as far as ours need it: stages of instructions, without variables."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One of them, on one line."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """As an exec form, or as a shell splits them."""
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """From FROM to the next one."""

    base: str
    name: str | None
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [one for one in self.instructions if one.name == name]

    def last(self, name: str) -> Instruction:
        """The one that counts, of those that replace each other."""
        return self.all(name)[-1]

    @property
    def environ(self) -> dict[str, str]:
        pairs = [word.partition("=") for one in self.all("ENV") for word in one.words]
        return {name: value for name, _, value in pairs}


def read_dockerfile(path: Path) -> list[Stage]:
    stages: list[Stage] = []
    for line in _joined(path.read_text(encoding="utf-8")):
        name, _, text = line.partition(" ")
        if name == "FROM":
            words = text.split()
            stages.append(Stage(base=words[0], name=words[2] if len(words) == 3 else None))
        else:
            stages[-1].instructions.append(Instruction(name=name, text=text.strip()))
    return stages


def _joined(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").split("\n")
