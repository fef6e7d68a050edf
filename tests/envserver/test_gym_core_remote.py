"""A whole remote in this process: step clock is the bare environment, real time runs by itself."""

import asyncio
import time
from typing import Any

import gymnasium
import numpy as np
import pytest
from fakes.gym_core_agent import Agent, playing, run
from websockets.exceptions import ConnectionClosed

from envserver.runtimes.gym_core.game import Game, jsonable_info, register_atari
from envserver.runtimes.gym_core.misbehave import Misbehaviour
from envserver.runtimes.gym_core.remote import BARRIER, Remote, RemoteConfig
from workers import rewarder_messages as messages

register_atari()


@pytest.mark.integration
@pytest.mark.parametrize(
    ("env_id", "bare_id", "bare_kwargs", "env_kwargs", "steps"),
    [
        ("gym-core.Pong-v0", "ALE/Pong-v5", {"frameskip": 1}, {}, 500),
        (
            "gym-core.Breakout-v0",
            "ALE/Breakout-v5",
            {"frameskip": 1, "repeat_action_probability": 0.0},
            {"repeat_action_probability": 0.0},
            100,
        ),
        ("gym-core.CartPole-v1", "CartPole-v1", {}, {}, 300),
    ],
)
def test_step_clock_is_the_bare_environment(
    env_id: str,
    bare_id: str,
    bare_kwargs: dict[str, Any],
    env_kwargs: dict[str, Any],
    steps: int,
) -> None:
    bare = gymnasium.make(bare_id, render_mode="rgb_array", disable_env_checker=True, **bare_kwargs)
    random = np.random.default_rng(3)

    async def test() -> None:
        episodes = rewards = 0
        async with playing(env_id, screen=None, env_kwargs=env_kwargs) as agent:
            keysyms = agent.remote.describe()["keysyms"]
            ended, seed = True, 0
            for _ in range(steps):
                if ended:
                    seed += 1
                    episodes += 1
                    reply = await agent.reset(clock="step", seed=seed)
                    assert reply.method == messages.REPLY_RESET
                    assert reply.episode == episodes + 1
                    _, info = bare.reset(seed=seed)
                    assert reply.body["info"] == jsonable_info(info)
                    np.testing.assert_array_equal(agent.viewer.picture, bare.render())
                action = int(random.integers(len(keysyms)))
                message = await agent.step(keysyms[action])
                _, reward, terminated, truncated, info = bare.step(action)
                told = message.body["info"]
                assert message.body["reward"] == float(reward)
                assert (told["terminated"], told["truncated"]) == (terminated, truncated)
                assert message.body["done"] == (terminated or truncated)
                assert message.episode == episodes + 1
                assert told == {
                    **jsonable_info(info),
                    "step": agent.steps,
                    "terminated": terminated,
                    "truncated": truncated,
                }
                np.testing.assert_array_equal(agent.viewer.picture, bare.render())
                ended = bool(terminated or truncated)
                rewards += reward != 0
        assert rewards or "Breakout" in env_id
        assert episodes > 1 or "Pole" not in env_id

    run(test())
    bare.close()


def test_time_limit_truncates_in_step_clock() -> None:
    async def test() -> None:
        kwargs = {"max_episode_steps": 3}
        async with playing("CartPole-v1", screen=None, env_kwargs=kwargs) as agent:
            assert agent.remote.describe()["max_episode_steps"] == 3
            await agent.reset(clock="step", seed=1)
            ends = []
            for action in (0, 1, 0):
                body = (await agent.step([ord(str(action))])).body
                ends.append((body["done"], body["info"]["terminated"], body["info"]["truncated"]))
            assert ends == [(False, False, False)] * 2 + [(True, False, True)]

    run(test())


@pytest.mark.parametrize(("second", "count"), [({}, 1), ({"seed": 3}, 2), ({"fps": 500}, 1)])
def test_two_resets_at_once(second: dict[str, Any], count: int) -> None:
    async def test() -> None:
        slow = Misbehaviour(reset_delay_s=0.05)
        async with playing("CartPole-v1", screen=None, misbehaviour=slow) as agent:
            await agent.send_reset(clock="step", fps=None)
            await agent.send_reset(clock="step", **second)
            told: list[messages.Message] = []
            while sum(message.parent_message_id is not None for message in told) < 2:
                told.append(await agent.next())
            begun = [each.episode for each in told if each.body.get("env_state") == "running"]
            assert begun == list(range(2, 2 + count))
            assert told[-1].parent_message_id == 1
            assert told[-1].episode == begun[-1]

    run(test())


def test_another_game_is_made_with_the_same_arguments() -> None:
    async def test() -> None:
        kwargs = {"max_episode_steps": 3}
        async with playing("CartPole-v1", screen=(640, 480), env_kwargs=kwargs) as agent:
            await agent.reset(env_id="MountainCar-v0", clock="step", seed=1)
            assert agent.remote.describe()["max_episode_steps"] == 3
            assert [(await agent.step([])).body["done"] for _ in range(3)] == [False, False, True]

    run(test())


def test_step_after_the_end_does_nothing_and_is_answered() -> None:
    async def test() -> None:
        kwargs = {"max_episode_steps": 1}
        async with playing("CartPole-v1", screen=None, env_kwargs=kwargs) as agent:
            await agent.reset(clock="step", seed=1)
            assert (await agent.step([])).body["done"]
            last = agent.viewer.picture.copy()
            body = (await agent.step([])).body
            assert (body["reward"], body["done"]) == (0.0, False)
            assert body["info"]["ignored"] == "the episode is over"
            np.testing.assert_array_equal(agent.viewer.picture, last)

    run(test())


def test_step_clock_stands_still_and_real_time_goes_on_after_a_reset() -> None:
    async def test() -> None:
        async with playing("gym-core.Pong-v0", fps=200.0) as agent:
            await agent.reset(clock="step", seed=1)
            assert not agent.remote._ticker.is_running
            await agent.step([])
            assert agent.remote._steps == 1
            await agent.reset(seed=1)
            assert agent.remote._ticker.is_running
            agent.viewer.continuous_updates(True)
            for _ in range(5):
                await agent.viewer.update()
            assert agent.remote._steps >= 4

    run(test())


def test_other_fences_are_no_steps() -> None:
    async def test() -> None:
        async with playing("CartPole-v1") as agent:
            await agent.reset(clock="step", seed=1)
            for payload, flags in ((b"1234", 0x80000001), (b"12345678", 0x80000003)):
                agent.viewer.fence(payload, flags)
                await agent.viewer.until_fence(payload)
            assert agent.remote._steps == 0

    run(test())


def test_fences_wait_for_a_slow_reset() -> None:
    async def test() -> None:
        slow = Misbehaviour(reset_delay_s=0.1)
        async with playing("CartPole-v1", screen=None, misbehaviour=slow) as agent:
            await agent.reset(clock="step", seed=1)
            began = time.monotonic()
            await agent.send_reset(clock="step", seed=2)
            assert (await agent.next()).body["env_state"] == "resetting"
            barrier = (BARRIER + 2).to_bytes(8, "big")
            agent.viewer.fence(barrier)
            await agent.viewer.until_fence(barrier)
            assert time.monotonic() - began >= 0.1
            bare = gymnasium.make("CartPole-v1", render_mode="rgb_array")
            bare.reset(seed=2)
            np.testing.assert_array_equal(agent.viewer.picture, bare.render())
            bare.close()

    run(test())


def test_real_time_autoreset_sequence() -> None:
    async def test() -> None:
        async with playing("CartPole-v1", fps=500.0) as agent:
            # Episodes of a few milliseconds may have passed before the reset came.
            first = (await agent.reset(seed=4)).episode
            heard: list[tuple[Any, ...]] = []
            while len(heard) < 5:
                message = await agent.next()
                if message.method == messages.DESCRIBE:
                    heard.append((message.body["env_state"], message.episode))
                elif message.body["done"]:
                    info = message.body["info"]
                    heard.append(("done", message.episode, info["terminated"], info["truncated"]))
            # CartPole rewards each step, the first of an episode too.
            ended, began = ("done", first, True, False), first + 1
            assert heard[:3] == [ended, ("resetting", began), ("running", began)]
            assert heard[3:] == [("done", began, True, False), ("resetting", began + 1)]

    run(test())


def test_rewards_carry_the_episode_that_they_belong_to() -> None:
    async def test() -> None:
        async with playing("CartPole-v1", fps=500.0) as agent:
            first = episode = (await agent.reset(seed=4)).episode
            returns = 0.0
            while episode == first:
                message = await agent.next()
                if message.method == messages.REWARD:
                    assert message.episode == first
                    returns += message.body["reward"]
                episode = message.episode
            bare = gymnasium.make("CartPole-v1")
            bare.reset(seed=4)
            expected, over = 0.0, False
            while not over:
                _, reward, over, _, _ = bare.step(0)
                expected += float(reward)
            assert returns == expected

    run(test())


def test_real_time_keeps_its_pace_and_changes_the_picture_each_tick() -> None:
    async def test() -> None:
        async with playing("gym-core.Pong-v0", fps=100.0) as agent:
            await agent.reset(seed=1)
            agent.viewer.request()
            await agent.viewer.update()
            agent.viewer.continuous_updates(True)
            stamps, pictures = [], set()
            for _ in range(20):
                update = await agent.viewer.update()
                assert update.stamp_ns is not None
                stamps.append(update.stamp_ns)
                pictures.add(agent.viewer.picture.tobytes())
            assert len(pictures) == 20
            # A busy machine may skip ticks, never squeeze them together.
            assert stamps[-1] - stamps[0] >= 17 * 10_000_000

    run(test())


def test_nobody_there_costs_nothing() -> None:
    async def test() -> None:
        remote = Remote(RemoteConfig("test", "CartPole-v1"), Game("CartPole-v1"))
        await remote.start()
        assert not remote._ticker.is_running
        agent = Agent(remote)
        await agent.begin()
        assert remote._ticker.is_running
        await agent.end()
        while remote._ticker.is_running:
            await asyncio.sleep(0)
        assert not remote._rewarder.clients
        await remote.close()

    run(test())


def test_held_key_moves_the_paddle_in_real_time() -> None:
    async def test() -> None:
        async with playing("gym-core.Pong-v0", fps=300.0, screen=None) as agent:
            await agent.reset(seed=1)
            agent.viewer.request()
            await agent.viewer.update()
            green = np.array([92, 186, 92])
            agent.viewer.key(0xFF53, True)
            agent.viewer.continuous_updates(True)

            def top() -> int:
                rows = np.flatnonzero((agent.viewer.picture[34:194] == green).all(2).any(1))
                return int(rows[0]) if len(rows) else 999

            while top() > 5:
                await agent.viewer.update()
            agent.viewer.key(0xFF53, False)
            agent.viewer.key(0xFF51, True)
            while not 100 < top() < 999:
                await agent.viewer.update()

    run(test())


def test_environment_switch_by_reset() -> None:
    async def test() -> None:
        async with playing("gym-core.Pong-v0") as agent:
            reply = await agent.reset(env_id="gym-core.CartPole-v1", clock="step", seed=1)
            assert reply.method == messages.REPLY_RESET
            assert agent.remote.describe()["num_actions"] == 2
            assert (await agent.step([ord("1")])).body["reward"] == 1.0
            for unknown in ("gym-core.Nope-v0", "os:CartPole-v1", "gym-core.Pendulum-v1"):
                reply = await agent.reset(env_id=unknown)
                assert reply.method == messages.REPLY_ERROR
            # Nothing has changed.
            assert (await agent.step([ord("1")])).body["reward"] == 1.0

    run(test())


def test_refused_seed_leaves_a_running_environment() -> None:
    async def test() -> None:
        async with playing("CartPole-v1") as agent:
            reply = await agent.reset(seed=-1, clock="step")
            assert reply.method == messages.REPLY_ERROR
            assert "CartPole-v1: reset" in reply.body["message"]
            assert (await agent.step([])).body["reward"] == 1.0

    run(test())


@pytest.mark.parametrize("kind", ["silent", "junk", "drop"])
def test_misbehaving_rewarder(kind: str) -> None:
    async def test() -> None:
        faulty = Misbehaviour(rewarder=kind, after_messages=2)
        async with playing("CartPole-v1", fps=0.1, misbehaviour=faulty) as agent:
            await agent.send_reset(clock="step", seed=1)
            assert (await agent.next()).body["env_state"] == "resetting"
            if kind == "junk":
                with pytest.raises(messages.MessageError):
                    await agent.next()
            elif kind == "drop":
                with pytest.raises(ConnectionClosed):
                    await agent.next()
            else:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(agent.next(), 0.1)

    run(test())
