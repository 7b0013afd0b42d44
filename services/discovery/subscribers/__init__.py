"""The shell: from news about records and commands on the bus to the ledger and back."""
