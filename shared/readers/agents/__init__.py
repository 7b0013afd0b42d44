"""Logs of agents, as the tools that people use write them: a step is what was said or done."""
