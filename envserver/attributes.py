"""What Gymnasium's vector environments let one do with theirs, as far as remotes can."""

from typing import Any


class RemoteAttributes:
    """`call`, `get_attr` and `set_attr` of an environment whose parts are programs, not objects."""

    num_envs: int

    def render(self) -> tuple[Any, ...] | None:
        """Pictures, one an environment, or None."""
        raise NotImplementedError

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """`render`, or an attribute of this environment, once an environment."""
        if name == "render":
            return self.render() or (None,) * self.num_envs
        return self.get_attr(name)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of this environment, once an environment; the programs themselves have none.

        Raises:
            AttributeError: there is none of that name.
        """
        value = getattr(self, name)
        if callable(value):
            raise AttributeError(f"{name!r} is a method: the remotes are programs, not objects")
        return (value,) * self.num_envs

    def set_attr(self, name: str, values: Any) -> None:
        """Refuse: the remotes are programs, not objects.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(
            f"cannot set {name!r}: the remotes are programs; use reset(options=...) or make_vec"
        )
