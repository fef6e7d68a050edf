"""Remotes of gym-core that a person started by hand, each a process of its own."""

import select
import subprocess
import sys

from envserver.processes import python_environment

START_S = 30.0


class Standalone:
    """One remote; `vnc_port` and `rewarder_port` are on `host`."""

    def __init__(
        self,
        env_id: str = "gym-core.CartPole-v1",
        *,
        host: str = "127.0.0.1",
        password: str | None = None,
        rewarder_password: str = "openai",
        screen: str = "640x480",
    ) -> None:
        passwords = {"ENVSERVER_REWARDER_PASSWORD": rewarder_password}
        if password is not None:
            passwords["ENVSERVER_VNC_PASSWORD"] = password
        command = [sys.executable, "-P", "-m", "envserver.runtimes.gym_core", "--standalone"]
        self.process = subprocess.Popen(
            [*command, "--env-id", env_id, "--host", host, "--screen", screen],
            stdout=subprocess.PIPE,
            env=python_environment(**passwords),
        )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], START_S)
        line = self.process.stdout.readline().decode().strip() if ready else ""
        if not line:
            self.close()
            raise AssertionError("the remote printed no address")
        ports = line.rpartition(":")[2]
        self.vnc_port, self.rewarder_port = (int(port) for port in ports.split("+"))
        self.host = f"[{host}]" if ":" in host else host

    @property
    def both(self) -> str:
        return f"{self.host}:{self.vnc_port}+{self.rewarder_port}"

    @property
    def vnc(self) -> str:
        return f"{self.host}:{self.vnc_port}"

    @property
    def rewarder(self) -> str:
        return f"{self.host}+{self.rewarder_port}"

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
