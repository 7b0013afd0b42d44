import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import en from "../src/i18n/en.json";
import { scored, speak, t } from "../src/i18n/index.ts";
import ru from "../src/i18n/ru.json";

const FORM = /_(one|few|many|other)$/;
const words = (catalogue: object) =>
  new Set(Object.keys(catalogue).map((key) => key.replace(FORM, "")));
const SOURCES = ["ui", "state", "map", "data"].flatMap((folder) =>
  readdirSync(`src/${folder}`).map((name) => `src/${folder}/${name}`),
);

test("both languages say the same things", () => {
  assert.deepEqual([...words(ru)].sort(), [...words(en)].sort());
});

test("both ask for the same values", () => {
  const asked = (text: string) =>
    [...text.matchAll(/\{\{(\w+)(, \w+)?\}\}/g)].map((one) => one[0]).sort();
  for (const [key, text] of Object.entries(en)) {
    if (!FORM.test(key)) assert.deepEqual(asked(ru[key as keyof typeof ru]), asked(text), key);
  }
});

test("every text is used somewhere", () => {
  const code = SOURCES.map((file) => readFileSync(file, "utf8")).join("\n");
  const unused = [...words(en)].filter((word) => !code.includes(`"${word}"`));
  assert.deepEqual(unused, []);
});

test("no text that people read stands outside the catalogues", () => {
  for (const file of SOURCES) {
    const code = readFileSync(file, "utf8");
    for (const [, template = ""] of code.matchAll(/html`((?:[^`\\]|\\.)*)`/g)) {
      const shown = withoutCode(template).replace(/<[^>]*>/g, " ");
      assert.doesNotMatch(shown, /\p{L}{2,}/u, `${file}: ${shown.trim().slice(0, 80)}`);
    }
    assert.doesNotMatch(code, /(aria-label|title|placeholder|alt)="[^"$]*\p{L}[^"$]*"/u, file);
  }
});

test("numbers and plurals are those of the language", async () => {
  assert.equal(t("points", { count: 1234567 }), "1,234,567 points");
  assert.equal(t("points", { count: 1 }), "1 point");
  const move = { from: 7, to: 8, share: 0.0123, before: 0.23, after: 0.25 };
  const told = "Projection 7 → 8: points moved 1.2% of the map, explained variance 23% → 25%";
  assert.equal(t("moved_explained", move), told);
  assert.match(t("moved", { from: 1, to: 2, share: 6e-11 }), / moved 0% of /);
  assert.equal(t("share", { share: 12118 / 12119 }), "99.9%");
  assert.equal(t("share", { share: 1 }), "100%");
  const scores = [1, 0.9, 0.8999999, 0.57, 0.12345, -0.5].map(scored);
  assert.deepEqual(scores, ["1.000", "0.900", "0.899", "0.570", "0.123", "-0.500"]);
  await speak("ru");
  const few = [1, 2, 5, 21, 12].map((count) => t("points", { count }));
  assert.deepEqual(few, ["1 точка", "2 точки", "5 точек", "21 точка", "12 точек"]);
  assert.match(t("moved", move), /^Проекция 7 → 8: точки сдвинулись на 1,2\s%/);
});

/** Leave out what stands in braces of a template, however deep. */
function withoutCode(template: string): string {
  let depth = 0;
  let text = "";
  for (let i = 0; i < template.length; i += 1) {
    if (template.startsWith("${", i)) {
      depth += 1;
      i += 1;
    } else if (depth > 0 && template[i] === "{") depth += 1;
    else if (depth > 0 && template[i] === "}") depth -= 1;
    else if (depth === 0) text += template[i];
  }
  return text;
}
