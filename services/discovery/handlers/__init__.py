"""What discovery does: look for sources, read them, settle their accounts, survey them."""
