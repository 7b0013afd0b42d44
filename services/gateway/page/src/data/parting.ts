// Where runs beside each other begin to differ.

import type { StepOfRun } from "../api/schema.ts";

type Step = Pick<StepOfRun, "type" | "beginning">;

/** Whether the steps at a place are of different types, say different things, or are not all there. */
export function differsAt(runs: readonly (readonly Step[])[], place: number): boolean {
  const said = runs.map((steps) => {
    const step = steps[place];
    return step ? `${step.type} ${step.beginning.trim()}` : "";
  });
  return said.some((one) => one !== said[0]);
}

/** Return the first place at which runs differ; -1 if nowhere. */
export function partingOf(runs: readonly (readonly Step[])[]): number {
  const most = Math.max(0, ...runs.map((steps) => steps.length));
  for (let place = 0; place < most; place += 1) if (differsAt(runs, place)) return place;
  return -1;
}
