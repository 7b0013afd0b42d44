// Runs the unit tests: bundles each as the page is bundled, then hands them to Node's own runner.

import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

const OUT = new URL("./.tests/", import.meta.url).pathname;
const folder = new URL("./tests/", import.meta.url).pathname;
const entryPoints = readdirSync(folder)
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => `${folder}${name}`);

rmSync(OUT, { recursive: true, force: true });
await build({
  entryPoints,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  outdir: OUT,
  outExtension: { ".js": ".mjs" },
  logLevel: "warning",
});
const made = readdirSync(OUT).map((name) => `${OUT}${name}`);
const { status } = spawnSync(process.execPath, ["--test", ...made], { stdio: "inherit" });
process.exit(status ?? 1);
