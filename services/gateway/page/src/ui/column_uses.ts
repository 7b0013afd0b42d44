// Chooses what becomes of a column.

import { html } from "lit";
import { type Message, t } from "../i18n/index.ts";
import { USES, type Use } from "../state/uses.ts";

export const USE_NAMES: Record<Use, Message> = {
  text: "column_text",
  context: "column_context",
  none: "column_none",
};

/** A choice for one column. */
export function useChoice(name: string, present: Use, choose: (use: Use) => void) {
  const chosen = (event: Event) => choose((event.target as HTMLSelectElement).value as Use);
  return html`<label class="select boxed">
    <span class="unseen">${t("column_use_of", { name })}</span>
    <select @change=${chosen}>
      ${USES.map(
        (one) =>
          html`<option value=${one} ?selected=${present === one}>${t(USE_NAMES[one])}</option>`,
      )}
    </select>
  </label>`;
}
