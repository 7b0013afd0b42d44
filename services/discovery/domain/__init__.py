"""The pure rules of discovery: what a line, a record, a batch and a ledger are."""
