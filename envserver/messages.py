"""What trainer and broker say to each other.

Over ZeroMQ, DEALER to ROUTER, one msgpack map a message:

    request  {id, method, params}
    reply    {id, ok: true, result} | {id, ok: false, error: {code, message}}

    hello           {protocol_version, lease}        first, always
    open_session    {spec, opening}                  -> {token, name, num_envs, names, notice,
                                                          reopened, segment_bytes}
    session_status  {token, revision, timeout_s}     -> {revision, ready, failed, workers, ...}
    reset           {token, reset_id, per_env: [[env, fields], ...]}
                    fields: seed, options, env_id, fresh (another remote); all may be missing
    fault_report    {token, env}                     -> {code, fault, cause, name, generation,
                                                          exit_code, signal, log}
    kill_worker     {token, env, generation}         -> {} when its process was waited for
    large_info      {token, env, step}               -> {data}
    logs            {token | session, env, remote}   -> {path, lines, remote: [{path, lines}]}
    attach          {token | session, env}           -> {vnc: {...}, rewarder: {...}}
    clipboard       {token, env, after_ns, max_s}    -> {text, copied_ns}; waits for a later one
    set_clipboard   {token, env, text}
    pointer         {token, env}                     -> {shape: [width, height, hotspot_x,
                                                          hotspot_y, pixels] | None}
    describe        {token, env_id}                  -> what the runtime says about it
    close_session   {token, keep | opening}
    release         {client_id}                      -> how many remotes that were kept were stopped
    status          {}    stop  {}

Over the unix socket beside it (SOCK_SEQPACKET, msgpack maps), broker to trainer:

    {protocol_version, lease}              first; the lease lives as long as its process
    {token, first, count} + descriptors    after open_session: segment, then doorbells
"""

from typing import Any

import msgpack

PROTOCOL_VERSION = 1
MAX_DESCRIPTORS = 64
"""Descriptors in one message; Linux allows 253."""
LEASE_MESSAGE_BYTES = 4096


def pack(message: dict[str, Any]) -> bytes:
    data: bytes = msgpack.packb(message)
    return data


def unpack(data: bytes) -> dict[str, Any]:
    """One message.

    Raises:
        ValueError: it is no msgpack map.
    """
    try:
        message = msgpack.unpackb(data, strict_map_key=False)
    except Exception as error:  # msgpack raises many kinds, some of them plain ValueErrors
        raise ValueError(f"message is no msgpack: {error}") from error
    if not isinstance(message, dict):
        raise ValueError(f"message is a {type(message).__name__}, expected a map")
    return message


def version_complaint(daemon: Any, trainer: Any) -> str:
    """What to do when the two sides differ."""
    if isinstance(daemon, int) and isinstance(trainer, int) and daemon < trainer:
        todo = (
            "the daemon is older: upgrade envserver there, then run 'envserver stop' and start it"
        )
    else:
        todo = "the trainer is older: upgrade envserver where the trainer runs"
    return f"the daemon speaks protocol {daemon}, the trainer {trainer}; {todo}"
