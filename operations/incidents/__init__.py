"""Commands in, events out: what is decided about incidents, made durable and told."""
