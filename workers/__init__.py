"""The process of one remote: drives its VNC server and rewarder, publishes rows."""
