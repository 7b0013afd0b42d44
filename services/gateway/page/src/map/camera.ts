// Which part of the plane is seen: a centre, and pixels per unit.

import type { Bounds } from "../data/points.ts";

export interface View {
  readonly x: number;
  readonly y: number;
  /** Pixels per unit of the map. */
  readonly scale: number;
}

/** Where one looks, whatever the size of the window: how much closer than at everything. */
export interface Aim {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Place {
  readonly x: number;
  readonly y: number;
}

const PADDING = 0.09;
const LEAST_SPAN = 1e-6;

/** Return the view that shows a whole box with some room around it. */
export function fit(box: Bounds | null, size: Size): View {
  if (!box) return { x: 0, y: 0, scale: 1 };
  const width = Math.max(box.maxX - box.minX, LEAST_SPAN);
  const height = Math.max(box.maxY - box.minY, LEAST_SPAN);
  const room = 1 - 2 * PADDING;
  const scale = Math.min((size.width * room) / width, (size.height * room) / height);
  return { x: (box.minX + box.maxX) / 2, y: (box.minY + box.maxY) / 2, scale };
}

/** Return where a point of the map is seen, in pixels from the left upper corner. */
export function toScreen(view: View, size: Size, x: number, y: number): Place {
  return {
    x: (x - view.x) * view.scale + size.width / 2,
    y: size.height / 2 - (y - view.y) * view.scale,
  };
}

/** Return which point of the map is seen at some pixel. */
export function toMap(view: View, size: Size, x: number, y: number): Place {
  return {
    x: (x - size.width / 2) / view.scale + view.x,
    y: (size.height / 2 - y) / view.scale + view.y,
  };
}

/** Return the view after the map was pulled by some pixels. */
export function panned(view: View, dx: number, dy: number): View {
  return { ...view, x: view.x - dx / view.scale, y: view.y + dy / view.scale };
}

/** Return the view after zooming in by a factor, with what is at a pixel staying there. */
export function zoomed(view: View, size: Size, factor: number, x: number, y: number): View {
  const fixed = toMap(view, size, x, y);
  const scale = view.scale * factor;
  const still = { ...view, scale };
  const moved = toMap(still, size, x, y);
  return { x: view.x + fixed.x - moved.x, y: view.y + fixed.y - moved.y, scale };
}

/** Keep a view from leaving what there is to see. */
export function bounded(view: View, whole: View, box: Bounds | null): View {
  if (!box) return view;
  const scale = Math.min(Math.max(view.scale, whole.scale / 2), whole.scale * 5000);
  const x = Math.min(Math.max(view.x, box.minX), box.maxX);
  const y = Math.min(Math.max(view.y, box.minY), box.maxY);
  return { x, y, scale };
}

/** Return a view between two others; the way is even to the eye, since scale is a factor. */
export function between(from: View, to: View, share: number): View {
  const scale = from.scale * (to.scale / from.scale) ** share;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share, scale };
}
