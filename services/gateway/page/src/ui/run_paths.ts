// The paths of chosen runs over the points, each in a way of its own.

import type { Run } from "../api/schema.ts";
import type { Points } from "../data/points.ts";
import type { Place } from "../map/camera.ts";
import { endingOf } from "./texts.ts";

const SVG = "http://www.w3.org/2000/svg";
const LABEL_ROOM = 10;
const MOST_LABEL = 32;

interface Drawn {
  readonly run: Run;
  readonly line: SVGElement;
  readonly start: SVGElement;
  readonly end: SVGElement;
  readonly label: SVGElement;
  /** The rows of its steps among some points. */
  rows: readonly number[];
}

export class RunPaths {
  #drawn: Drawn[] = [];
  #points: Points | null = null;
  #size = -1;

  constructor(
    private readonly group: SVGElement,
    /** Told which points other paths go through, once that is known. */
    private readonly drawn: (rows: readonly number[]) => void,
  ) {}

  /** Draw other paths, if they are others. */
  show(runs: readonly Run[]): void {
    const isSame =
      runs.length === this.#drawn.length && runs.every((one, i) => one === this.#drawn[i]?.run);
    if (isSame) return;
    this.#drawn = runs.map((run, i) => {
      const line = made("polyline", i);
      const start = made("circle", i);
      const end = made("rect", i);
      const label = made("text", i);
      start.setAttribute("r", "5");
      end.setAttribute("width", "9");
      end.setAttribute("height", "9");
      label.textContent = endingOf(run, MOST_LABEL) ?? "";
      return { run, line, start, end, label, rows: [] };
    });
    this.#size = -1;
    const nodes = this.#drawn.flatMap(({ line, start, end, label }) => [line, start, end, label]);
    this.group.replaceChildren(...nodes);
  }

  /** Put the paths where their steps are seen. */
  follow(points: Points | null, placeOf: (row: number) => Place): void {
    if (this.#drawn.length === 0 || !points) return;
    const areNew = this.#size < 0;
    if (points !== this.#points || points.size !== this.#size) {
      for (const one of this.#drawn) {
        one.rows = one.run.steps.map(({ id }) => points.ids.findText(id)).filter((row) => row >= 0);
      }
      this.#points = points;
      this.#size = points.size;
      if (areNew) this.drawn(this.#drawn.flatMap(({ rows }) => rows));
    }
    for (const one of this.#drawn) place(one, one.rows.map(placeOf));
  }
}

function made(kind: "polyline" | "circle" | "rect" | "text", place: number): SVGElement {
  const node = document.createElementNS(SVG, kind);
  node.setAttribute("class", `run-path run-${place}`);
  return node;
}

function place({ line, start, end, label }: Drawn, places: readonly Place[]): void {
  const [first, last] = [places[0], places.at(-1)];
  for (const one of [start, end, label]) one.toggleAttribute("hidden", !first);
  line.setAttribute(
    "points",
    places.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "),
  );
  if (!first || !last) return;
  start.setAttribute("cx", first.x.toFixed(1));
  start.setAttribute("cy", first.y.toFixed(1));
  end.setAttribute("x", (last.x - 4.5).toFixed(1));
  end.setAttribute("y", (last.y - 4.5).toFixed(1));
  label.setAttribute("x", (last.x + LABEL_ROOM).toFixed(1));
  label.setAttribute("y", (last.y + 4).toFixed(1));
}
