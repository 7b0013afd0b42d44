"""What the services tell, put together for whoever watches them."""
