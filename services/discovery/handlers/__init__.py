"""What discovery does: look for sources, read, forget and survey them, settle their accounts."""
