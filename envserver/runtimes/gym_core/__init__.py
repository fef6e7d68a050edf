"""The embedded runtime: any Gymnasium environment as a remote, on an RFB server of ours.

Theory of operation. One *host* process imports everything once and forks a *child* for each remote
(`host`, `child`). A child is one thread and one asyncio loop: a `Remote` steps the `Game`, draws it
on the `Canvas`, and gives what changed to the viewers of the `RfbServer` and the reward to the
`RewarderServer`. In real time a timer descriptor ticks; in step clock a viewer's Fence does.

    host -> child -> remote -> game -> actions                        what runs
                            -> canvas -> changes                      what is seen
                            -> server -> viewer -> rfb, encodings     how it is told
                            -> envserver.rewarder                     what it is worth
"""
