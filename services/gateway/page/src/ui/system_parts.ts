// Pieces that the parts of the system view share.

import { html, type TemplateResult } from "lit";

/** A part of the page, with its name above it. */
export function section(name: string, title: string, body: unknown, actions?: TemplateResult) {
  return html`<section class="panel" data-panel=${name} aria-labelledby="panel-${name}">
    <div class="panel-head"><h2 id="panel-${name}">${title}</h2>${actions}</div>
    ${body}
  </section>`;
}

/** Something that does not work, and what is known of it. */
export function problem(title: string, detail: string) {
  return html`<div class="trouble"><p>${title}</p><p class="detail">${detail}</p></div>`;
}

/** A number with what it counts. */
export function figure(name: string, value: string, kind = "") {
  return html`<div class="figure" data-kind=${kind}><dt>${name}</dt><dd>${value}</dd></div>`;
}
