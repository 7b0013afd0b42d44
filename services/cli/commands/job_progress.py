"""Says how far a job is: its bytes, its analysis, its records."""

from rich.filesize import decimal

from services.cli.commands.tables import percent
from shared.contracts.jobs import JobAnalysis, JobRecord


def progress_of(job: JobRecord) -> str:
    """Say how far a job is: its phase, and its records if it has any."""
    seen, done = job.progress.seen, job.progress.done + job.progress.dead
    if not seen:
        told = _bytes_of(job) if job.analysis is None else f": {analysis_of(job.analysis)}"
        return f"{job.phase}{told}"
    dead = f", {job.warnings:,} dead" if job.warnings else ""
    if job.phase == "done":
        return f"{done:,}/{seen:,}{dead}"
    return f"{job.phase} {done:,}/{seen:,} ({percent(done / seen)}){dead}"


def analysis_of(told: JobAnalysis) -> str:
    """Say how far an analysis service is, in its words."""
    total = "" if told.items_total is None else f"/{told.items_total:,}"
    return f"{told.phase} {told.items_processed:,}{total} items"


def _bytes_of(job: JobRecord) -> str:
    """Say how much of its file has come while that comes."""
    received, total = job.progress.received_bytes, job.progress.total_bytes
    if job.phase != "acquiring" or not (received or total):
        return ""
    if not total:
        return f" {decimal(received)}"
    return f" {decimal(received)}/{decimal(total)} ({percent(received / total)})"
