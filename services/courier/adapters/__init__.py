"""Each outside technology that the courier uses."""
