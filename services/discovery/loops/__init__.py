"""What discovery does by itself, each loop until it is cancelled."""
