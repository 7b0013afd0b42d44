"""The rows of events about jobs."""

from shared.bus.registry.channel import event_channel
from shared.contracts.jobs import JobChanged, JobsSubmitted

JOB_CHANGED = event_channel(
    JobChanged, "discovery", "A job was submitted, or something of it has changed."
)
JOBS_SUBMITTED = event_channel(
    JobsSubmitted, "discovery", "What became of a command to submit jobs, for each source."
)
CHANNELS = (JOB_CHANGED, JOBS_SUBMITTED)
