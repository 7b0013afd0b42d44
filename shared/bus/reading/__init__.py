"""Reading what streams keep, without a durable consumer."""
