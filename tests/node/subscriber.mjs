// Projects a vector with every model of the map: node subscriber.mjs URL VECTOR(base64 float32) COUNT
import { connect } from "@nats-io/transport-node";
import { jetstream } from "@nats-io/jetstream";

const [url, encoded, count] = process.argv.slice(2);
const floats = (text) => {
  const bytes = Buffer.from(text, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};
const vector = floats(encoded);
const server = new URL(url);
const client = await connect({ servers: server.host, user: server.username, pass: server.password });
const consumer = await jetstream(client).consumers.get("EVENTS", { filter_subjects: "projection.updated.>" });
const messages = await consumer.consume();
let seen = 0;
for await (const message of messages) {
  const { model } = message.json();
  const mean = floats(model.mean);
  const components = floats(model.components);
  const point = [0, 1].map((axis) =>
    vector.reduce((sum, value, i) => sum + (value - mean[i]) * components[axis * model.dimension + i], 0));
  console.log(JSON.stringify({ version: model.version, point }));
  seen += 1;
  if (seen >= Number(count)) break;
}
await client.close();
