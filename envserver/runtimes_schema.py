"""The keys that runtimes.yml may have, and what may stand behind each: `read_entries`.

Theory of operation: the file is composed to YAML nodes, which know their lines, and walked by the
tables below; a value is made of its node only when its key is known. So every complaint begins with
`file:line:` and names the place in the file, what was found, and what is allowed.
"""

import dataclasses
import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from envserver.arguments import plain_kwargs
from envserver.container_options import PROVIDERS, container_options
from envserver.errors import InvalidRuntime
from envserver.vnc_settings import check_vnc_kwargs
from workers.keysyms import keysym

KINDS = ("gym-core", "xvnc", "docker")
MEANINGLESS: Mapping[str, frozenset[str]] = {
    "gym-core": frozenset({"task", "command", "keys"}),
    "xvnc": frozenset({"env_kwargs"}),
    "docker": frozenset({"task", "env_kwargs"}),
}
"""What is refused, by kind: it would be ignored, or refused when a session is made."""
ANY = "any"
MAX_SIDE_PX = 16384

_RUNTIME = re.compile(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)?")
_ENVIRONMENT = re.compile(r"[A-Za-z0-9_.-]+-v\d+")
_TASK = re.compile(r"(?:/.+\.py|[A-Za-z_][\w.]*):[A-Za-z_]\w*", re.ASCII)

Check = Callable[[Any], Any]
"""Returns the value as it is used, or raises ValueError("expected ...")."""


Written = tuple[str, yaml.Node, str, Any]
"""A key, its node, the place that it stands in, and its checked value."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A runtime or an environment as it stands in the file.

    Attributes:
        place: `file:line: name`, for what is found wrong later.
        values: By key, checked; without what was not written.
        environments: Of a runtime, by name.
    """

    name: str
    place: str
    values: Mapping[str, Any]
    environments: Mapping[str, "Entry"] = dataclasses.field(default_factory=dict)


def read_entries(path: Path) -> dict[str, Entry]:
    """Every runtime of a file by name.

    Raises:
        InvalidRuntime: the file cannot be read, or something in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRuntime(f"cannot read {path}: {error}") from error
    try:
        return _Reader(path).file(yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark is not None else ""
        raise InvalidRuntime(f"{path}{line}: is no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise InvalidRuntime(f"{path}: is no YAML: {error}") from error


class _Reader:
    """Walks the nodes of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._constructor = yaml.constructor.SafeConstructor()

    def file(self, root: yaml.Node | None) -> dict[str, Entry]:
        if root is None:
            raise InvalidRuntime(f"{self._path}: is empty, expected a map of runtimes")
        found = {}
        for name, key, value in self._items(root, ""):
            if not _RUNTIME.fullmatch(name):
                self._fail(key, name, "expected a name of small letters, digits and dashes")
            found[name] = self._runtime(name, key, value)
        return found

    def _runtime(self, name: str, key: yaml.Node, node: yaml.Node) -> Entry:
        values: dict[str, Any] = {}
        environments: dict[str, Entry] = {}
        written: list[Written] = []
        for word, where, value in self._items(node, name):
            if word != "environments":
                values[word] = self._value(RUNTIME_KEYS, word, where, value, name)
                written.append((word, where, name, values[word]))
            elif isinstance(value, yaml.ScalarNode) and value.value == ANY:
                values[word] = ANY
            else:
                place = f"{name}: environments"
                for each, each_key, each_node in self._items(value, place):
                    environments[each] = self._environment(
                        each, each_key, each_node, place, written
                    )
        if "kind" not in values:
            self._fail(key, name, f"has no 'kind', allowed are {', '.join(KINDS)}")
        kind = values["kind"]
        if kind == "docker" and "image" not in values:
            self._fail(key, name, "kind is 'docker' and there is no 'image'")
        for word, where, place, value in written:
            if word in MEANINGLESS[kind]:
                self._fail(where, place, f"{word!r} means nothing for kind {kind!r}: leave it out")
            if (word, value) == ("screen", "native") and kind != "gym-core":
                self._fail(where, place, "screen is 'native', expected [width, height]")
        for entry in environments.values():
            if kind == "gym-core" and not ({"env_id"} & (values.keys() | entry.values.keys())):
                raise InvalidRuntime(f"{entry.place}: has no 'env_id', which gym-core needs")
        return Entry(name, self._place(key, name), values, environments)

    def _environment(
        self,
        name: str,
        key: yaml.Node,
        node: yaml.Node,
        parent: str,
        written: list[Written],
    ) -> Entry:
        place = f"{parent}: {name}"
        if not _ENVIRONMENT.fullmatch(name):
            self._fail(key, place, "expected a name such as 'Pong-v0'")
        values = {}
        for word, where, value in self._items(node, place):
            values[word] = self._value(ENVIRONMENT_KEYS, word, where, value, place)
            written.append((word, where, place, values[word]))
        return Entry(name, self._place(key, place), values)

    def _value(
        self, keys: Mapping[str, Check], word: str, key: yaml.Node, node: yaml.Node, place: str
    ) -> Any:
        if word not in keys:
            near = difflib.get_close_matches(word, keys, n=1)
            hint = f"did you mean {near[0]!r}? Allowed are" if near else "allowed are"
            self._fail(key, place, f"unknown key {word!r}, {hint} {', '.join(keys)}")
        try:
            value = self._constructor.construct_document(node)
        except yaml.YAMLError:
            raise
        except Exception as error:  # PyYAML's own: a date that does not exist, `!!int abc`
            if isinstance(node, yaml.ScalarNode):
                kind = node.tag.rpartition(":")[2]
                self._fail(node, place, f"{word} is {node.value!r}, which is no {kind}")
            self._fail(node, place, f"{word} holds a value that cannot be read: {error}")
        try:
            return keys[word](value)
        except RecursionError:
            self._fail(node, place, f"{word} holds itself")
        except ValueError as error:
            text = str(error)
            found = "" if text.startswith(word) else f"{word} is {value!r}, "
            self._fail(node, place, f"{found}{text}")

    def _items(self, node: yaml.Node, place: str) -> list[tuple[str, yaml.Node, yaml.Node]]:
        """The pairs of a map: key, the key's node, the value's node."""
        if isinstance(node, yaml.ScalarNode) and node.value in ("", "~", "null"):
            return []
        if not isinstance(node, yaml.MappingNode):
            kind = "list" if isinstance(node, yaml.SequenceNode) else repr(node.value)
            self._fail(node, place, f"is a {kind}, expected a map")
        own = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        seen: dict[Any, yaml.Node] = {}
        for key in own:
            if not isinstance(key, yaml.ScalarNode):
                self._fail(key, place, "a key is a list or a map, expected a name")
            if key.value in seen:
                line = seen[key.value].start_mark.line + 1
                self._fail(key, place, f"{key.value!r} stands here twice, first in line {line}")
            seen[key.value] = key
        self._constructor.flatten_mapping(node)
        pairs = {key.value: (key, value) for key, value in node.value}
        return [(name, key, value) for name, (key, value) in pairs.items()]

    def _place(self, node: yaml.Node, place: str) -> str:
        return f"{self._path}:{node.start_mark.line + 1}" + (f": {place}" if place else "")

    def _fail(self, node: yaml.Node, place: str, problem: str) -> NoReturn:
        raise InvalidRuntime(f"{self._place(node, place)}: {problem}")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected a text")
    return " ".join(value.split())


def _matching(pattern: re.Pattern[str], expected: str) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"expected {expected}")
        return value

    return check


def _one_of(allowed: Sequence[str]) -> Check:
    def check(value: Any) -> str:
        if value not in allowed:
            near = difflib.get_close_matches(str(value), allowed, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"allowed are {', '.join(allowed)}{hint}")
        return str(value)

    return check


def _number(low: float, high: float, expected: str) -> Check:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
            raise ValueError(f"expected {expected}")
        return value

    return check


def _whole(low: int, high: int) -> Check:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return value

    return check


def _map(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError("expected a map")
    return value


def _command(value: Any) -> str | list[str]:
    words = isinstance(value, list) and value and all(isinstance(word, str) for word in value)
    if not words and not (isinstance(value, str) and value.strip()):
        raise ValueError('expected a line, or a list of words (numbers in quotes: "14")')
    return value  # type: ignore[no-any-return]


def _screen(value: Any) -> tuple[int, int] | str:
    if value == "native":
        return "native"
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("expected [width, height] or native")
    side = _whole(1, MAX_SIDE_PX)
    return side(value[0]), side(value[1])


def _keys(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("expected a list of keys such as [Up, Down, space]")
    for key in value:
        try:
            keysym(key)
        except (KeyError, ValueError, TypeError):
            raise ValueError(f"keys has {key!r}, expected names of keys (X11's keysyms)") from None
    return tuple(value)


def _container(name: str) -> Check:
    """The check of a limit of containers; as it was written."""

    def check(value: Any) -> Any:
        try:
            container_options({name: value})
        except ValueError as error:
            raise ValueError(str(error).replace(f"container['{name}']", name)) from None
        return value

    return check


_EITHER: dict[str, Check] = {
    "summary": _text,
    "task": _matching(_TASK, "module:Class, such as 'envserver.tasks.terminal:MakeFile'"),
    "env_id": _text,
    "command": _command,
    "env_kwargs": lambda value: plain_kwargs("env_kwargs", _map(value)),
    "screen": _screen,
    "fps": _number(0, 1000, "more than 0, up to 1000"),
    "keys": _keys,
    "max_episode_steps": _whole(0, 1 << 62),
    "time_limit_s": _number(0, 1e6, "seconds, more than 0"),
    "reward": _text,
}
ENVIRONMENT_KEYS: Mapping[str, Check] = _EITHER
RUNTIME_KEYS: Mapping[str, Check] = {
    "kind": _one_of(KINDS),
    **_EITHER,
    "needs": _text,
    "env_prefix": _text,
    "provider": _one_of(PROVIDERS),
    **{
        name: _container(name)
        for name in ("image", "shm_size", "memory", "cpus", "pids", "capabilities", "ports")
    },
    "start_timeout_s": _number(0, 1e6, "seconds, more than 0"),
    "vnc_kwargs": check_vnc_kwargs,
    "environments": lambda value: value,
}
