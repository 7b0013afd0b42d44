"""What is told of jobs, in memory."""

from shared.contracts.jobs import Effect, EffectPage, JobPage, JobRecord, ListEffects, ListJobs
from shared.errors import TransientError


class FakeJobBook:
    """Tells of the jobs and the effects that it is given."""

    def __init__(
        self, *jobs: JobRecord, effects: tuple[Effect, ...] = (), is_away: bool = False
    ) -> None:
        self.all = jobs
        self.done = effects
        self.is_away = is_away

    async def jobs(self, asked: ListJobs) -> JobPage:
        self._require()
        fit = [
            one
            for one in self.all
            if asked.job in (None, one.id)
            and asked.collection in (None, one.collection)
            and (not asked.states or one.state in asked.states)
        ]
        more = len(fit) > asked.limit
        return JobPage(items=tuple(fit[: asked.limit]), next_before=7 if more else None)

    async def effects(self, asked: ListEffects) -> EffectPage:
        self._require()
        fit = tuple(one for one in self.done if asked.job in (None, one.job_id))
        return EffectPage(items=fit)

    def _require(self) -> None:
        if self.is_away:
            raise TransientError("discovery does not answer: is it running?")
