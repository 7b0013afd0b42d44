"""``mapstream matches``: the options of its commands."""

from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli import commands
from services.cli.commands.options.asked import Asked, asks_the_bus

Other = Annotated[str, typer.Argument(help="The collection to match with.")]
Ids = Annotated[list[str], typer.Argument(help="Ids of records of the collection.")]
Link = Annotated[float, typer.Option(min=0, max=1, help="From this score on a pair is linked.")]
Review = Annotated[
    float, typer.Option(min=0, max=1, help="From this score on somebody is to look at it.")
]
InState = Annotated[
    str | None,
    typer.Option(
        "--state", help="Only those that are linked, review, unmatched, accepted or rejected."
    ),
]
Gateway = Annotated[
    str | None, typer.Option("--gateway", help="Its address; else the bus tells it.")
]
TokenFile = Annotated[
    Path | None, typer.Option(help="A file that holds the token, if the gateway wants one.")
]
LINK, REVIEW = 0.9, 0.7


def build_matches_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help="Matches: the record of another collection that is nearest to each.")
    app.command("list")(matches_list)
    app.command("export")(matches_export)
    app.command("accept")(matches_accept)
    app.command("reject")(matches_reject)
    app.command("undo")(matches_undo)
    return app


@asks_the_bus()
def matches_list(
    asked: Asked,
    other: Other,
    *,
    state: InState = None,
    link: Link = LINK,
    review: Review = REVIEW,
    limit: Annotated[int, typer.Option(min=0, help="How many pairs, the best first.")] = 20,
    gateway: Gateway = None,
    token_file: TokenFile = None,
) -> None:
    """Match each record of a collection with the nearest one of another: counts, and pairs.

    The list for review, the best first: --state review. Exits with 0, 1 if the gateway or the bus
    does not answer, 2 if the two cannot be matched.
    """
    fields = {"other": other, "state": state, "link": link, "review": review}
    asked.do(
        lambda options, settings: commands.matches.show_list(
            fields, options, settings, place=(gateway, token_file), limit=limit
        )
    )


@asks_the_bus()
def matches_export(
    asked: Asked,
    other: Other,
    file: Annotated[Path, typer.Argument(help="The file; its end says which: .csv or .jsonl.")],
    *,
    state: InState = None,
    link: Link = LINK,
    review: Review = REVIEW,
    gateway: Gateway = None,
    token_file: TokenFile = None,
) -> None:
    """Write the pairs of two collections with their whole texts as CSV or JSON lines.

    Exits as matches list.
    """
    fields = {"other": other, "state": state, "link": link, "review": review}
    asked.do(
        lambda options, settings: commands.matches.export(
            fields, options, settings, place=(gateway, token_file), file=file
        )
    )


@asks_the_bus()
def matches_accept(
    asked: Asked,
    other: Other,
    ids: Ids,
    *,
    gateway: Gateway = None,
    token_file: TokenFile = None,
) -> None:
    """Accept pairs: these records and their nearest ones belong together, whatever the score.

    That holds as long as both texts are the same. Exits with 0, 5 if one was refused, else as
    matches list.
    """
    _decide(asked, "accept", other, ids, (gateway, token_file))


@asks_the_bus()
def matches_reject(
    asked: Asked,
    other: Other,
    ids: Ids,
    *,
    gateway: Gateway = None,
    token_file: TokenFile = None,
) -> None:
    """Reject pairs: these records and their nearest ones do not belong together.

    Holds, and exits, as matches accept.
    """
    _decide(asked, "reject", other, ids, (gateway, token_file))


@asks_the_bus()
def matches_undo(
    asked: Asked,
    other: Other,
    ids: Ids,
    *,
    gateway: Gateway = None,
    token_file: TokenFile = None,
) -> None:
    """Take back what was decided of pairs. Exits as matches accept."""
    _decide(asked, "undo", other, ids, (gateway, token_file))


def _decide(asked: Asked, wish: str, other: str, ids: list[str], place: Any) -> None:
    asked.do(
        lambda options, settings: commands.matches.decide(
            wish, options, settings, other=other, ids=ids, place=place
        )
    )
