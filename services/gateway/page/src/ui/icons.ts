// The few pictures of the page; all take the colour of the text around them.

import { html, svg, type TemplateResult } from "lit";

function icon(shape: TemplateResult): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true">${shape}</svg>`;
}

export const mark = html`<svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
  <path d="M5 16.5 10 8l5 5.5L20 5" />
  <circle cx="5" cy="16.5" r="2.4" /><circle cx="10" cy="8" r="2.4" />
  <circle cx="15" cy="13.5" r="2.4" /><circle cx="20" cy="5" r="2.4" />
</svg>`;
export const plus = icon(svg`<path d="M10 4v12M4 10h12" />`);
export const minus = icon(svg`<path d="M4 10h12" />`);
export const frame = icon(svg`<path d="M4 8V4h4M16 8V4h-4M4 12v4h4M16 12v4h-4" />`);
export const sun = icon(
  svg`<circle cx="10" cy="10" r="3.2" /><path d="M10 2.5v2M10 15.5v2M2.5 10h2M15.5 10h2M4.7 4.7l1.4 1.4M13.9 13.9l1.4 1.4M4.7 15.3l1.4-1.4M13.9 6.1l1.4-1.4" />`,
);
export const moon = icon(svg`<path d="M15.8 12.2A6.5 6.5 0 0 1 7.8 4.2a6.5 6.5 0 1 0 8 8Z" />`);
export const cross = icon(svg`<path d="m5 5 10 10M15 5 5 15" />`);
export const leave = icon(svg`<path d="M8 4H4v12h4M12.5 6.5 16 10l-3.5 3.5M16 10H8" />`);
export const back = icon(svg`<path d="m12 4-6 6 6 6" />`);
export const forth = icon(svg`<path d="m8 4 6 6-6 6" />`);
export const down = icon(svg`<path d="m5 8 5 5 5-5" />`);
export const copy = icon(
  svg`<rect x="7" y="7" width="9" height="9" rx="1.5" /><path d="M13 7V5.5A1.5 1.5 0 0 0 11.5 4h-6A1.5 1.5 0 0 0 4 5.5v6A1.5 1.5 0 0 0 5.5 13H7" />`,
);
export const glass = icon(svg`<circle cx="9" cy="9" r="5.2" /><path d="m13 13 4 4" />`);
export const lasso = icon(
  svg`<path d="M16.5 8c0 2.8-3 4.8-6.6 4.8S3.5 10.8 3.5 8 6.3 3.2 9.9 3.2 16.5 5.2 16.5 8Z" stroke-dasharray="2.6 2.4" /><path d="M6 12.200c-1.5 1-1.5 2.6.2 2.9 1.6.3 2 1.2 1.2 2.4" />`,
);
export const list = icon(svg`<path d="M7 5h9M7 10h9M7 15h9M3.6 5h.1M3.6 10h.1M3.6 15h.1" />`);
export const clock = icon(svg`<circle cx="10" cy="10" r="6.6" /><path d="M10 6.2V10l2.6 1.6" />`);
export const save = icon(svg`<path d="M10 3.500v9M6.5 9.5 10 13l3.5-3.500M4 16.500h12" />`);
export const similar = icon(
  svg`<circle cx="10" cy="10" r="2.2" /><circle cx="4.5" cy="6" r="1.5" /><circle cx="15" cy="5" r="1.5" /><circle cx="15.5" cy="14" r="1.5" /><circle cx="6" cy="15.5" r="1.5" />`,
);
export const path = icon(
  svg`<circle cx="4.5" cy="15" r="1.8" /><path d="m6 13.5 3-6 4 5 2.6-6.5" /><circle cx="16" cy="4.8" r="1.5" />`,
);
export const target = icon(
  svg`<circle cx="10" cy="10" r="4.5" /><path d="M10 2.5v4M10 13.5v4M2.5 10h4M13.5 10h4" />`,
);
