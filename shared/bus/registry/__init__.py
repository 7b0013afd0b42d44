"""What is on the bus: channels, streams, durable consumers, users."""
