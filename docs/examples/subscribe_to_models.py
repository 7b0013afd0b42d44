"""Apply every model of the map to vectors of your own: python subscribe_to_models.py URL FILE."""

import asyncio, base64, json, sys
import nats, numpy as np


async def main(url: str, file: str) -> None:
    vectors = np.load(file)  # (n, d) float32
    client = await nats.connect(url)
    models = await client.jetstream().subscribe("projection.updated.>", ordered_consumer=True)
    async for message in models.messages:
        model = json.loads(message.data)["model"]
        mean, axes = (
            np.frombuffer(base64.b64decode(model[k]), "<f4") for k in ("mean", "components")
        )
        points = (vectors - mean) @ axes.reshape(2, -1).T
        print(json.dumps({"version": model["version"], "points": points.tolist()}), flush=True)


asyncio.run(main(*sys.argv[1:]))
