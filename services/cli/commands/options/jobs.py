"""``mapstream jobs`` and what makes jobs of sources: the options of these commands."""

from typing import Annotated, Any

import typer

from services.cli import commands
from services.cli.commands.options.asked import (
    Asked,
    ContextColumns,
    Newest,
    OfSource,
    OwnColumns,
    TextColumns,
    asks_the_bus,
)
from services.cli.settings import BusOptions, CliSettings

JobId = Annotated[str, typer.Argument(help="Id of the job.")]
Sources = Annotated[
    list[str], typer.Argument(help="Filenames of sources on the map, or their ids.")
]
Watch = Annotated[
    bool, typer.Option("--watch", help="Show how far the jobs are until they have ended.")
]


def build_jobs_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help="Jobs: what takes long, queued by collection, to its end.")
    app.command("list")(jobs_list)
    app.command("show")(jobs_show)
    app.command("cancel")(jobs_cancel)
    app.command("retry")(jobs_retry)
    app.command("watch")(jobs_watch)
    app.command("audit")(jobs_audit)
    return app


@asks_the_bus()
def jobs_list(
    asked: Asked,
    *,
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            help="Only those that are queued, running, succeeded, failed or cancelled; may be "
            "given more than once.",
        ),
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="re-embed, delete or fetch.")] = None,
    source: OfSource = None,
    limit: Newest = 50,
) -> None:
    """List jobs, the newest first; of all collections if none is named.

    Exits with 0, or with 1 if there is no server or no discovery answers.
    """
    wanted = {"states": tuple(state or ()), "kind": kind, "source": source}
    asked.do(
        lambda options, settings: commands.jobs.show_list(options, settings, wanted, limit=limit)
    )


@asks_the_bus(collection=False)
def jobs_show(
    asked: Asked,
    job: JobId,
) -> None:
    """Show a job, and the last fifty lines of its log.

    Exits with 0, with 1 if there is no such job, no server, or no discovery answers.
    """
    asked.do(lambda options, settings: commands.jobs.show(job, options, settings))


@asks_the_bus(collection=False, waits=True)
def jobs_cancel(
    asked: Asked,
    job: JobId,
) -> None:
    """Cancel a job that has not ended: its source is as before.

    Exits with 0 if it was cancelled, 5 if it has ended or it is too late, 1 if there was no answer
    in time.
    """
    _about(asked, "cancel", job)


@asks_the_bus(collection=False, waits=True)
def jobs_retry(
    asked: Asked,
    job: JobId,
) -> None:
    """Queue a failed job again, three times at most.

    Exits with 0 if it is queued, 5 if it has not failed or was retried often enough, 1 if there
    was no answer in time.
    """
    _about(asked, "retry", job)


@asks_the_bus()
def jobs_watch(
    asked: Asked,
    job: Annotated[
        list[str] | None, typer.Argument(help="Ids of jobs; all that have not ended if none.")
    ] = None,
) -> None:
    """Show how far jobs are until they have ended; Ctrl-C leaves, and they go on.

    With --json it prints a line for each change. Exits with 0 if all have succeeded, 3 if one has
    warnings (records that died), 5 if one has failed or was cancelled.
    """
    asked.do(lambda options, settings: commands.jobs.watch(job or [], options, settings))


@asks_the_bus()
def jobs_audit(
    asked: Asked,
    *,
    job: Annotated[str | None, typer.Option("--job", help="Only about this job.")] = None,
    source: OfSource = None,
    limit: Newest = 50,
) -> None:
    """Tell who had what done with sources, the newest first, and how it came out.

    Refused commands are in: mapstream audit.
    """
    wanted = {"job": job, "source": source}
    asked.do(
        lambda options, settings: commands.jobs.show_effects(
            options, settings, wanted, limit=limit
        )
    )


@asks_the_bus(waits=True)
def sources_reembed(
    asked: Asked,
    sources: Sources,
    *,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Embed texts also if their vectors are known from before."),
    ] = False,
    with_preferences: Annotated[
        bool,
        typer.Option(
            "--with-preferences",
            help="Read uploaded and fetched tables by the columns preferred now.",
        ),
    ] = False,
    why: Annotated[str | None, typer.Option("--why", help="Why, for the audit.")] = None,
    watch: Watch = False,
) -> None:
    """Read sources again and embed all of them; old rows are shown until all new ones are there.

    Texts whose vectors are known cost nothing, unless --fresh says that the server is to be asked.
    Each is read by the columns that it was read by before, or with --with-preferences by those
    that mapstream sources preferences tells; if the job is cancelled or fails, by those of before.
    Exits with 0 if jobs are queued, 5 if there can be none, 1 if there was no answer in time; with
    --watch as jobs watch does.
    """
    fields = {
        "kind": "re-embed",
        "sources": tuple(sources),
        "why": why,
        "is_fresh": fresh,
        "with_preferences": with_preferences,
    }
    _submit(asked, fields, is_watched=watch)


@asks_the_bus(waits=True)
def sources_delete(
    asked: Asked,
    sources: Sources,
    *,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel a job that has a source, for this one.")
    ] = False,
    why: Annotated[str | None, typer.Option("--why", help="Why, for the audit.")] = None,
    watch: Watch = False,
) -> None:
    """Take sources off the map, out of the model and out of the dataset, each as a job.

    A file in a folder stays, and is read again when its content changes. Exits as sources reembed.
    """
    fields = {"kind": "delete", "sources": tuple(sources), "why": why, "cancels": cancel}
    _submit(asked, fields, is_watched=watch)


@asks_the_bus(waits=True)
def sources_fetch(
    asked: Asked,
    urls: Annotated[
        list[str], typer.Argument(help="URLs of files, or of Google Sheets that are shared.")
    ],
    *,
    name: Annotated[
        str | None, typer.Option("--name", help="What the file is called, of one URL.")
    ] = None,
    text_column: TextColumns = None,
    context_column: ContextColumns = None,
    own: OwnColumns = False,
    why: Annotated[str | None, typer.Option("--why", help="Why, for the audit.")] = None,
    watch: Watch = False,
) -> None:
    """Fetch files from URLs, each as a job; what lies there becomes a source.

    What was fetched before is asked whether it has changed: if not, nothing is new; else it is
    another version of its source. Only public addresses are asked, and those that the setting
    courier.allowed_networks permits. Exits as sources reembed.
    """
    fields = {
        "urls": tuple(urls),
        "filename": name,
        "text_columns": tuple(text_column or ()),
        "context_columns": tuple(context_column) if context_column else None,
        "columns": "own" if own else "preferred",
        "why": why,
    }
    _submit(asked, fields, is_watched=watch, command="fetch")


def _about(asked: Asked, name: str, job: str) -> None:
    asked.do(
        lambda options, settings: commands.jobs.change(
            name, job, options, settings, timeout_s=asked.timeout_s
        )
    )


def _submit(
    asked: Asked, fields: dict[str, Any], *, is_watched: bool, command: str = "submit"
) -> None:
    given = {name: value for name, value in fields.items() if value is not None}
    if not is_watched:
        asked.send(command, given)

    async def work(options: BusOptions, settings: CliSettings) -> int:
        wish = commands.command.build(command, given)
        code: int = await commands.jobs.submit(wish, options, settings, timeout_s=asked.timeout_s)
        return code

    asked.do(work)
