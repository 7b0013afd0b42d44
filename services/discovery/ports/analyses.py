"""What discovery keeps of files that an analysis service reads."""

from typing import Protocol

from services.discovery.domain.analyses import Analysis, AnalyzedFile


class AnalysisStore(Protocol):
    """How far analyses are. Each method is one transaction."""

    async def note_analysis(
        self, job_id: str, attempt: int, kept: AnalyzedFile, analysis: Analysis
    ) -> bool:
        """Note how far the analysis of a job's file is, and have it told; harmless when repeated.

        Returns:
            Whether somebody waits for it.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def note_analyser(self, *, is_there: bool) -> None:
        """Note whether a courier has files read by an analysis service: uploads wait for it then.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def skip_analysis(self, job_id: str, attempt: int, why: str) -> bool:
        """Have a file that was handed in, and waits for an analysis, read as it is.

        Returns:
            Whether it was waiting.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def end_delegated(self, job_id: str, attempt: int) -> bool:
        """End a job of whose file the analysis service keeps everything.

        Returns:
            Whether somebody waited for it.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...
