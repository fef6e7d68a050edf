"""The server's side of the rewarder protocol (messages: `workers.rewarder_messages`)."""
