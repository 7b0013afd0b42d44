// Colours that people with any colour vision tell apart, for a light and a dark ground.

export type Theme = "light" | "dark";
export type Colour = readonly [red: number, green: number, blue: number];

const KINDS: Record<Theme, readonly string[]> = {
  light: [
    "#2f6fde",
    "#d9622b",
    "#12836c",
    "#b0418f",
    "#94720a",
    "#6a55d1",
    "#c53a4b",
    "#3f7f2f",
    "#0b83a6",
    "#7d5a48",
  ],
  dark: [
    "#78a6ff",
    "#ff9b62",
    "#49d2b0",
    "#f283d0",
    "#e2bf4a",
    "#ab9dff",
    "#ff7f88",
    "#8fd07c",
    "#5acbea",
    "#cfa58e",
  ],
};
const RAMPS: Record<Theme, readonly string[]> = {
  light: ["#8db6e2", "#5f8fd6", "#4a66bd", "#4b3f95", "#431a5e"],
  dark: ["#4d5fae", "#5b8fe0", "#57c2cf", "#a4e3a0", "#fdf3b4"],
};
const UNKNOWN: Record<Theme, string> = { light: "#8a919c", dark: "#7c8592" };

/** Return the colour of the n-th kind; after the last they begin again. */
export function kindColour(theme: Theme, number: number): Colour {
  const colours = KINDS[theme];
  return parsed(colours[number % colours.length] as string);
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
