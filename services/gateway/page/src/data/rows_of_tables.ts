// Which records are no steps: the rows of a table, and the parts of a text.

import type { Points } from "./points.ts";

/** The type of every record that is not from a run. */
export const ROW = "record";

/** Whether a record of this type is a row of a table, and no step of a run. */
export function isRow(type: string): boolean {
  return type === ROW;
}

/** Return what tells whether a point is a step of a run. */
export function isStepIn(points: Points): (row: number) => boolean {
  const code = points.types.words.indexOf(ROW);
  return (row) => points.type[row] !== code;
}
