"""What the numbers in the segment mean: queue entries, due times, phases, faults and flags.

The trainer writes entries and reads the rest; the worker the other way round. `entries.pyx` makes the enums importable.
"""

cpdef enum EntryKind:
    KEY = 1         # argument: keysym; value: 1 down, 0 up. At offset_us after its step was sent
    POINTER = 2     # x, y; argument: button mask
    STEP = 3        # publish a row for `step` when due; value: the action, as the trainer numbered it; ends the step's events
    HOLD = 4        # publish the environment's newest row again, unchanged, for `step` (left out by a reset mask)
    RESET = 5       # start a new episode; step: the reset's id, under which the broker brings seed and options

cpdef enum EntryFlag:
    # The row of a reset: waits for its episode, whatever `while_resetting` says, or for the reset's failure.
    AWAIT_EPISODE = 1

cpdef enum Due:
    NOW = 0         # as soon as the step's events were sent (step clock: when the environment has stepped)
    AT = 1          # at due_ns
    CHANGED = 2     # all events sent, and damage in the region since the last that is no key release; at due_ns at the latest
    QUIET = 3       # when the region had no damage for quiet_ns, at due_ns at the latest

cpdef enum Phase:
    STARTING = 0    # connecting; no episode yet
    RUNNING = 1
    RESETTING = 2   # between episodes: waiting for the remote
    ENDED = 3       # the episode is over and the trainer has to reset (autoreset DISABLED, or no reset yet)
    FAULTY = 4      # connection lost: reconnecting

cpdef enum Fault:
    NO_FAULT = 0
    WORKER_DIED = 1
    WORKER_SILENT = 2       # stopped or hung: no heartbeat within step_timeout_s; it was killed
    CONNECTION_LOST = 3
    PROTOCOL_ERROR = 4      # the VNC server broke the protocol
    REWARDER_LOST = 5
    RESET_FAILED = 6        # the remote refused the reset, or did not finish it in time
    REMOTE_DIED = 7         # the remote's process or container ended
    AUTHENTICATION = 8
    START_TIMEOUT = 9

cpdef enum Flag:
    LETTERBOXED = 1     # the desktop has another size than the session
    PARTIAL = 2         # the newest update was too large to be received whole
    HAS_FINAL = 4       # final_reward, final_info and the spare row hold the end of the last episode (SAME_STEP)
    INFO_ELSEWHERE = 8  # the info was too large: ask the broker by (env, step)
