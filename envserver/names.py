"""The names that Gymnasium is told: `envserver/<runtime>.<Name>-v<k>`.

A second slash would be malformed there, so `gym-core.Pong-v0` stands for `ALE/Pong-v5`. Any other
environment works by `envserver.make_vec("gym-core.<Name>-v<k>")` or with `env_id=...`.
"""

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

REGISTERED = (
    *(f"gym-core.{game}-v0" for game in ATARI_GAMES),
    *(f"gym-core.{name}" for name in TOY_ENVS),
    "xvnc.Desktop-v0",
    "terminal.Shell-v0",
)
