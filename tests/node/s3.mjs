// An object store for tests: S3 by HTTP, its objects in a folder; one pair of keys is let in.
// node s3.mjs FOLDER PORT BUCKET; it ends with whoever started it.
import S3rver from "@20minutes/s3rver";

const [folder, port, bucket] = process.argv.slice(2);
const server = new S3rver({
  address: "127.0.0.1",
  port: Number(port),
  silent: true,
  directory: folder,
  configureBuckets: [{ name: bucket, configs: [] }],
});
const address = await server.run();
console.log(address.port);
process.stdin.on("end", () => process.exit(0)).resume();
