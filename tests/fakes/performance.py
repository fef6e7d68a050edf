"""A small run of `make bench`, made up: what every part finds, by the part's own words."""

import dataclasses
from collections import defaultdict

from benchmarks import decode, fleet, handover, latency, live, soak
from benchmarks import depth as depth_of_ring
from benchmarks.report import Figure, Measured, Series

RUN = fleet.Run(
    streams=["game"],
    num_envs=20,
    fps=60.0,
    seconds=5.0,
    ticks_on_time=1.0,
    ticks_on_time_unstalled=1.0,
    stalled_ms=0.0,
    frame_age_p50_ms=8.0,
    frame_age_p99_ms=16.0,
    updates_per_env_s=60.0,
    worker_cores=0.5,
    trainer_cores=0.25,
    daemon_cores=0.25,
    server_cores=0.1,
    server_skipped=0,
    server_missed=0,
    server_late_us=0,
    late_rows=0,
    missed_ticks=0,
    ready_s=1.0,
    equal=True,
)
"""A fleet that holds all bounds."""
LIVE = live.Run(5, 0.995, 59.9, 1.0, 0.1, 0.5, 0.1, equal=True)
MACHINE = {
    "cpu": "a processor",
    "cores": 2,
    "memory_gb": 25.3,
    "kernel": "6.1",
    "python": "3.11.7",
    "measured": "2026-01-02T03:04:05+00:00",
    "load_before": 0.1,
}
STEP_MS = {handover.OURS: 0.018, handover.COPY: 0.2, handover.GYMNASIUM: 0.5}
CHANGE_TAKES = {"64x64": 1.0, "10 %": 3.0, "100 %": 15.0}


def decoded() -> Measured:
    found = Measured(notes=["desk-tight: 0.8 CPU s of each client, 1 were to be"])
    for label, theirs in (("desk-tight", 3.0), ("game-zrle", 1.9), ("video-tightjpeg", 1.1)):
        net_s = {"ours": [1.0] * 5, "libvncclient": [theirs] * 5, "ideal_zlib": [0.98] * 5}
        found.take(decode.figures(decode.Measured(label, 500.0, net_s)))
    mean = Figure("decode, geometric mean against libvncclient", 1.84, "times", at_least=2.0)
    return found.take([mean])


def handed_over() -> Measured:
    costs: handover.Costs = defaultdict(handover.Cost)
    found = Measured(notes=["n=256: TorchRL ParallelEnv is left out: no time is left"])
    engines = dict.fromkeys(handover.PEERS, 3.0) | STEP_MS
    for num_envs in handover.SHARES:
        for change, times in CHANGE_TAKES.items():
            for place, (engine, step_ms) in enumerate(engines.items()):
                alone = engine in (handover.OURS, handover.COPY)
                took_ms = num_envs * step_ms * (1 if alone else 1 + place / 10)
                took_ms *= 1 if engine == handover.COPY else times
                # Ours takes a turn with each peer.
                turns = 3 * len(handover.PEERS) if alone else 3
                cpu_us = took_ms / num_envs * 1200
                cost = handover.Cost([took_ms] * turns, [cpu_us] * turns)
                costs[num_envs, change, engine] = cost
        found.take(handover.figures_of(num_envs, costs))
    return found.take(handover.series_of(costs))


def deep() -> Measured:
    cost_us = {depth: [30.0 * depth**0.5] for depth in depth_of_ring.DEPTHS}
    costs = {(change, depth): cost for change in CHANGE_TAKES for depth, cost in cost_us.items()}
    return Measured().take(depth_of_ring.figures(8, costs))


def fleets() -> Measured:
    found = Measured()
    for name, age_ms in (("game-zrle", 16.0), ("desk-tight", 21.5)):
        run = dataclasses.replace(RUN, frame_age_p99_ms=age_ms)
        found.take([Figure(f"fleet {name}, 20 at 60 fps: on time", 1, "", at_least=0.999)])
        found.take(fleet.run_figures(run))
    most = fleet.Most()
    most.search(
        lambda num_envs: dataclasses.replace(
            RUN,
            num_envs=num_envs,
            ticks_on_time=1.0 if num_envs <= 112 else 0.97,
            worker_cores=num_envs / 100,
        )
    )
    return found.take(most.found())


def latencies() -> Measured:
    found = Measured()
    for rate in latency.REACH_MS:
        points: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for round_trip_ms in latency.ROUND_TRIPS_MS:
            base_ms = 600 / rate + round_trip_ms
            ours = [base_ms + 1 + spread / 20 for spread in range(100)]
            bare = [base_ms + spread / 20 for spread in range(100)]
            taken = latency.Taken(ours, bare, equal=True)
            name = f"latency at -FrameRate {rate}"
            found.take(latency.figures(name, rate, round_trip_ms, taken))
            for who, taken_ms in (("ours", ours), ("bare client", bare)):
                for quantile in latency.QUANTILES:
                    points[f"{who}, p{quantile}"].append((round_trip_ms, taken_ms[quantile]))
        for line, at in points.items():
            found.take([Series(f"latency at -FrameRate {rate}", line, "ms", at)])
    return found


def observed() -> Measured:
    found = Measured()
    for stream, spent_us in (("video-tightjpeg", 1584.0), ("desk-tight", 950.0)):
        for size, share in (("RGB, whole", 1.0), ("grey, whole", 0.8), ("grey 84x84", 0.62)):
            found.take([Figure(f"{stream}: {size}", share * spent_us, "us a frame")])
            goal = 0.6 if (stream, size) == ("video-tightjpeg", "grey 84x84") else None
            found.take([Figure("  worker, by RGB", share, "x", at_most=goal)])
    return found


def soaked() -> Measured:
    found = Measured()
    for place, who in enumerate(("the trainer", "the daemon", *soak.SESSIONS)):
        points = [(minute / 4, 20.0 * (place + 1) + minute % 2) for minute in range(40)]
        growth = Figure(f"soak, 10 minutes: growth of {who}", soak.growth(points), "MB", 1.0)
        found.take([growth, Series("soak: private memory", who, "MB", points)])
    return found


def parts() -> dict[str, Measured]:
    """What every part of `make bench` and `make bench-soak` found."""
    lives = Measured()
    for name in live.ASKED:
        lives.take(live.figures(name, LIVE))
    lives.take([Figure("live, so many of these carried", 3, "", at_least=1)])
    ready = Figure("256 workers: ready after", 41.2, "s", at_most=60)
    found = {
        "decode": decoded(),
        "handover": handed_over(),
        "depth": deep(),
        "fleet": fleets(),
        "live": lives,
        "latency": latencies(),
        "start and memory": Measured([ready, Figure("  of the daemon alone", 2.5, "s")]),
        "observations": observed(),
        "desktops of ours": Measured([Figure("8 gym-core remotes: ready after", 1.4, "s", 3)]),
        "containers": Measured(notes=["containers are left out: no engine answers"]),
        "soak": soaked(),
    }
    for place, measured in enumerate(found.values()):
        measured.seconds = 10.0 * (place + 1)
    return found
