"""The names that Gymnasium is told: `envserver/<runtime>.<Name>-v<k>`.

A second slash would be malformed there, so `gym-core.Pong-v0` stands for `ALE/Pong-v5`. Any other
environment works by `envserver.make_vec("gym-core.<Name>-v<k>")` or with `env_id=...`.
"""

import os
import re

from envserver.installation import data_path

NAMESPACE = "envserver/"

# fmt: off
ATARI_GAMES = (
    "Adventure", "AirRaid", "Alien", "Amidar", "Assault", "Asterix", "Asteroids", "Atlantis",
    "Atlantis2", "Backgammon", "BankHeist", "BasicMath", "BattleZone", "BeamRider", "Berzerk",
    "Blackjack", "Bowling", "Boxing", "Breakout", "Carnival", "Casino", "Centipede",
    "ChopperCommand", "CrazyClimber", "Crossbow", "Darkchambers", "Defender", "DemonAttack",
    "DonkeyKong", "DoubleDunk", "Earthworld", "ElevatorAction", "Enduro", "Entombed", "Et",
    "FishingDerby", "FlagCapture", "Freeway", "Frogger", "Frostbite", "Galaxian", "Gopher",
    "Gravitar", "Hangman", "HauntedHouse", "Hero", "HumanCannonball", "IceHockey",
    "Jamesbond", "JourneyEscape", "Kaboom", "Kangaroo", "KeystoneKapers", "KingKong", "Klax",
    "Koolaid", "Krull", "KungFuMaster", "LaserGates", "LostLuggage", "MarioBros",
    "MiniatureGolf", "MontezumaRevenge", "MrDo", "MsPacman", "NameThisGame", "Othello",
    "Pacman", "Phoenix", "Pitfall", "Pitfall2", "Pong", "Pooyan", "PrivateEye", "Qbert",
    "Riverraid", "RoadRunner", "Robotank", "Seaquest", "SirLancelot", "Skiing", "Solaris",
    "SpaceInvaders", "SpaceWar", "StarGunner", "Superman", "Surround", "Tennis", "Tetris",
    "TicTacToe3D", "TimePilot", "Trondead", "Turmoil", "Tutankham", "UpNDown", "Venture",
    "VideoCheckers", "VideoChess", "VideoCube", "VideoPinball", "WizardOfWor", "WordZapper",
    "YarsRevenge", "Zaxxon",
)
# fmt: on
"""What ale-py has as `ALE/<name>-v5`; listed, because importing it takes half a second."""

TOY_ENVS = (
    "CartPole-v1",
    "Acrobot-v1",
    "MountainCar-v0",
    "FrozenLake-v1",
    "CliffWalking-v1",
    "Taxi-v4",
    "Blackjack-v1",
)
"""Environments of Gymnasium itself that discrete keys can play; any other works by its name too."""

GYM_CORE = (
    *(f"gym-core.{game}-v0" for game in ATARI_GAMES),
    "gym-core.Catch-v0",  # our own
    *(f"gym-core.{name}" for name in TOY_ENVS),
)

_LINE = re.compile(
    r"(?:(?P<runtime>[a-z][a-z0-9.-]*)|    (?P<environment>[A-Za-z0-9_.-]+-v\d+)):(?: .*)?"
)


def registered_names() -> tuple[str, ...]:
    """Every name that Gymnasium is told: of gym-core the usual ones, of other runtimes all.

    A file of one's own that cannot be read adds none; making an environment says why.
    """
    if os.environ.get("ENVSERVER_RUNTIMES"):
        from envserver.errors import InvalidRuntime
        from envserver.runtimes_file import load_runtimes

        try:
            runtimes = load_runtimes()
        except InvalidRuntime:
            return GYM_CORE
        listed = [f"{each.name}.{name}" for each in runtimes.values() for name in each.environments]
    else:
        listed = scan_names(data_path("runtimes.yml").read_text(encoding="utf-8"))
    return tuple(dict.fromkeys((*GYM_CORE, *listed)))


def scan_names(text: str) -> list[str]:
    """The environments in the layout of our own runtimes.yml: parsing YAML takes 30 times longer,
    and this is done by everyone who imports Gymnasium.
    """
    runtime = ""
    found = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is not None and match["runtime"]:
            runtime = match["runtime"]
        elif match is not None:
            found.append(f"{runtime}.{match['environment']}")
    return found
