"""Read the points of the map into a Polars frame: python read_points.py URL COUNT."""

import asyncio, sys
import nats, polars as pl, pyarrow as pa


async def main(url: str, count: str) -> None:
    client = await nats.connect(url)
    points = await client.jetstream().subscribe("map.points.>", ordered_consumer=True)
    frames: list[pl.DataFrame] = []
    async for message in points.messages:
        frames.append(pl.from_arrow(pa.ipc.open_stream(message.data).read_all()))
        if sum(map(len, frames)) >= int(count):
            break
    print(pl.concat(frames).unique("id", keep="last"))


asyncio.run(main(*sys.argv[1:]))
