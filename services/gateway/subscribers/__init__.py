"""The shell for the bus: feeds of events and points, commands, statuses."""
