"""Wrong files: each complaint names the line, the place, and the way out."""

from pathlib import Path

import pytest

from envserver.errors import InvalidRuntime
from envserver.runtimes_schema import read_entries

HEAD = "a:\n  kind: xvnc\n"
GYM = "a:\n  kind: gym-core\n  env_id: CartPole-v1\n"

CASES = {
    "a list": ("- 1", 1, "is a list, expected a map"),
    "nothing": ("# nothing\n", 0, "is empty, expected a map of runtimes"),
    "broken yaml": ("a: [", 1, "is no YAML"),
    "a bad name": ("ok: {kind: xvnc}\nA b: {kind: xvnc}", 2, "A b: expected a name of small"),
    "no map": ("a: 3", 1, "a: is a '3', expected a map"),
    "no kind": ("a:\n  summary: one", 1, "a: has no 'kind', allowed are gym-core, xvnc, docker"),
    "an unknown kind": ("a:\n  kind: xvmc", 2, "did you mean 'xvnc'?"),
    "an unknown key": (HEAD + "  shmsize: 1g", 3, "unknown key 'shmsize', did you mean 'shm_size'"),
    "a key twice": (HEAD + "  kind: xvnc", 3, "'kind' stands here twice, first in line 2"),
    "a key that is a list": (HEAD + "  [b]: 1", 3, "a key is a list or a map"),
    "docker without image": ("a: {kind: docker}", 1, "kind is 'docker' and there is no 'image'"),
    "an image": (HEAD + "  image: A B", 3, "image is 'A B', expected an image such as"),
    "a size": (HEAD + "  memory: lots", 3, "memory is 'lots', expected a size such as '512m'"),
    "cpus": (HEAD + "  cpus: 0", 3, "cpus is 0, expected a number of cores"),
    "pids": (HEAD + "  pids: 1.5", 3, "pids is 1.5, expected a whole number"),
    "a capability": (HEAD + "  capabilities: [ALL]", 3, "capabilities has 'ALL', expected single"),
    "ports": (HEAD + "  ports: {vnc: 99999}", 3, "ports: vnc is 99999, expected a whole number"),
    "a port's name": (HEAD + "  ports: {http: 80}", 3, "ports has 'http', allowed are vnc"),
    "a time": (HEAD + "  start_timeout_s: soon", 3, "start_timeout_s is 'soon', expected seconds"),
    "a level": (
        HEAD + "  vnc_kwargs:\n    fine_quality_level: 101",
        4,
        "vnc_kwargs['fine_quality_level'] is 101, allowed are -1 to 100",
    ),
    "a setting": (HEAD + "  vnc_kwargs: {encodng: raw}", 3, "did you mean 'encoding'?"),
    "a number in a command": (HEAD + "  command: [xterm, 14]", 3, 'numbers in quotes: "14"'),
    "a screen": (HEAD + "  screen: [640]", 3, "screen is [640], expected [width, height]"),
    "an environment's name": (
        HEAD + "  environments:\n    B: {}",
        4,
        "a: environments: B: expected a name such as 'Pong-v0'",
    ),
    "an environment's key": (
        HEAD + "  environments:\n    B-v0:\n      image: a:1",
        5,
        "a: environments: B-v0: unknown key 'image'",
    ),
    "a task": (
        HEAD + "  environments:\n    B-v0:\n      summary: one\n      task: Maze",
        6,
        "task is 'Maze', expected module:Class",
    ),
    "keys": (HEAD + "  environments: {B-v0: {keys: [Upp]}}", 3, "keys has 'Upp', expected names"),
    "fps": (HEAD + "  fps: -1", 3, "fps is -1, expected more than 0, up to 1000"),
    "a time limit": (HEAD + "  time_limit_s: 0", 3, "time_limit_s is 0, expected seconds"),
    "steps": (HEAD + "  max_episode_steps: ten", 3, "max_episode_steps is 'ten', expected a whole"),
    "a date that does not exist": (HEAD + "  fps: 2001-13-45", 3, "fps is '2001-13-45', which is"),
    "a tag that does not fit": (HEAD + "  summary: !!int abc", 3, "'abc', which is no int"),
    "an empty tag": (HEAD + "  summary: !!int ''", 3, "summary is '', which is no int"),
    "an unknown tag": (HEAD + "  summary: !!python/name:os.system x", 3, "is no YAML: could not"),
    "a date for gymnasium": (GYM + "  env_kwargs: {a: 2001-01-01}", 4, "'a' holds a date"),
    "no date for gymnasium": (GYM + "  env_kwargs: {a: 2001-13-45}", 4, "month must be in 1..12"),
    "a set for gymnasium": (GYM + "  env_kwargs: {a: [!!set {b}]}", 4, "'a' holds a set"),
    "a map in itself": (GYM + "  env_kwargs: &a\n    b: *a", 4, "env_kwargs holds itself"),
    "a list in itself": (GYM + "  env_kwargs: {b: &a [*a]}", 4, "env_kwargs holds itself"),
    "an environment in itself": ("a: &a\n  kind: xvnc\n  environments: *a", 2, "expected a name"),
    "a task in any image": (
        "a:\n  kind: docker\n  image: b\n  environments:\n    B-v0:\n      task: b.c:D",
        6,
        "B-v0: 'task' means nothing for kind 'docker': leave it out",
    ),
    "a game's command": (
        GYM + "  command: xterm",
        4,
        "'command' means nothing for kind 'gym-core'",
    ),
    "a desktop's arguments": (
        "a:\n  env_kwargs: {}\n  kind: xvnc",
        2,
        "'env_kwargs' means nothing for kind 'xvnc'",
    ),
    "a desktop of any size": (HEAD + "  screen: native", 3, "screen is 'native', expected [width"),
    "gym-core without an id": (
        "a:\n  kind: gym-core\n  environments:\n    B-v0: {}",
        4,
        "has no 'env_id', which gym-core needs",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_wrong_files(tmp_path: Path, name: str) -> None:
    text, line, complaint = CASES[name]
    path = tmp_path / "runtimes.yml"
    path.write_text(text)
    with pytest.raises(InvalidRuntime) as raised:
        read_entries(path)
    assert complaint in str(raised.value)
    where = f"{path}:{line}: " if line else f"{path}: "
    assert str(raised.value).startswith(where), str(raised.value)


def test_anchors_and_merges(tmp_path: Path) -> None:
    path = tmp_path / "runtimes.yml"
    path.write_text(
        "a: &a\n  kind: xvnc\n  fps: 30\nb:\n  <<: *a\n  fps: 10\n  environments:\n    C-v0:\n"
    )
    entries = read_entries(path)
    assert entries["b"].values == {"kind": "xvnc", "fps": 10}
    assert entries["b"].environments["C-v0"].values == {}
    assert entries["b"].place == f"{path}:4: b"


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidRuntime, match="cannot read"):
        read_entries(tmp_path / "missing.yml")
