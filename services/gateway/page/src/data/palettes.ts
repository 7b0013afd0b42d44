// Colours that people with any colour vision tell apart, for a light and a dark ground.

export type Theme = "light" | "dark";
export type Colour = readonly [red: number, green: number, blue: number];

/** As far from each other, and from what is not known, as twelve can be for any colour vision. */
const KINDS: Record<Theme, readonly string[]> = {
  light: [
    "#2a7899",
    "#ec5a63",
    "#7844bb",
    "#7c7d0f",
    "#6887ff",
    "#864d2b",
    "#b75ecb",
    "#1f2899",
    "#b0416b",
    "#554077",
    "#700048",
    "#4e3914",
  ],
  dark: [
    "#52a9fe",
    "#fa7c20",
    "#30eda1",
    "#ce76c7",
    "#fadf27",
    "#2668d5",
    "#c93a5f",
    "#cdb7de",
    "#227008",
    "#9fab80",
    "#844d90",
    "#c1f6e2",
  ],
};
/** How many kinds have a colour of their own. */
export const KIND_COLOURS = KINDS.light.length;
const RAMPS: Record<Theme, readonly string[]> = {
  light: ["#8db6e2", "#5f8fd6", "#4a66bd", "#4b3f95", "#431a5e"],
  dark: ["#4d5fae", "#5b8fe0", "#57c2cf", "#a4e3a0", "#fdf3b4"],
};
const UNKNOWN: Record<Theme, string> = { light: "#8a919c", dark: "#7c8592" };

/** Return the colour of the n-th kind; those behind the last share the one of what is not known. */
export function kindColour(theme: Theme, number: number): Colour {
  const colour = KINDS[theme][number];
  return colour ? parsed(colour) : unknownColour(theme);
}

/** Return a colour of the ramp, between 0 and 1. */
export function rampColour(theme: Theme, share: number): Colour {
  const stops = RAMPS[theme].map(parsed);
  const place = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(place));
  const [from, to] = [stops[low] as Colour, stops[low + 1] as Colour];
  const mix = (i: 0 | 1 | 2) => Math.round(from[i] + (to[i] - from[i]) * (place - low));
  return [mix(0), mix(1), mix(2)];
}

/** Return the colour of what is not known. */
export function unknownColour(theme: Theme): Colour {
  return parsed(UNKNOWN[theme]);
}

/** Write a colour as CSS does. */
export function css([red, green, blue]: Colour): string {
  return `rgb(${red} ${green} ${blue})`;
}

function parsed(hex: string): Colour {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}
