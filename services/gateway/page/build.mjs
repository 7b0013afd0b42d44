// Builds the page into dist/: node build.mjs; with --size it also checks what a reader has to load.

import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const MOST_BYTES = 150_000; // of script and style together, gzipped
const OUT = new URL("./dist/", import.meta.url);
const BESIDE = new URL("./.dist-new/", import.meta.url);
const source = (name) => new URL(`./src/${name}`, import.meta.url);

async function bundle(entry) {
  const made = await build({
    entryPoints: [source(entry).pathname],
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "none",
    write: false,
    outdir: "/",
    logLevel: "warning",
  });
  return made.outputFiles[0].contents;
}

function hashed(name, contents) {
  const hash = createHash("sha256").update(contents).digest("hex").slice(0, 12);
  const [stem, ending] = name.split(".");
  return `${stem}-${hash}.${ending}`;
}

const files = {
  script: ["page.js", await bundle("main.ts")],
  style: ["page.css", await bundle("styles/index.css")],
  icon: ["icon.svg", await readFile(source("icon.svg"))],
};
await rm(BESIDE, { recursive: true, force: true });
await mkdir(BESIDE);
let index = await readFile(source("index.html"), "utf8");
for (const [part, [name, contents]] of Object.entries(files)) {
  const final = hashed(name, contents);
  await writeFile(new URL(final, BESIDE), contents);
  index = index.replace(`{{${part}}}`, final);
}
await writeFile(new URL("index.html", BESIDE), index);
await rm(OUT, { recursive: true, force: true });
await rename(BESIDE, OUT);

const bytes = ["script", "style"].reduce(
  (sum, one) => sum + gzipSync(files[one][1], { level: 9 }).length,
  0,
);
process.stdout.write(`the page: ${(bytes / 1000).toFixed(1)} kB gzipped\n`);
if (bytes > MOST_BYTES) {
  process.stderr.write(
    `that is more than ${MOST_BYTES / 1000} kB: a reader on a slow line waits for it\n`,
  );
  process.exitCode = 1;
}
