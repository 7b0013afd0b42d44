// Has a list of sources applied: one that lies behind a URL, or a file of this machine.

import { html, nothing } from "lit";
import { type Message, sized, t } from "../i18n/index.ts";
import { MOST_CHARACTERS, MOST_ROWS, type Unfit } from "../state/manifests.ts";
import { PageElement } from "./element.ts";
import { cross } from "./icons.ts";
import { WORDS } from "./manifest_words.ts";
import { periodChoice, periodOf, refusalsOf } from "./regular.ts";

const UNFIT: Record<Unfit, Message> = {
  empty: "tray_empty",
  large: "manifest_large",
  coded: "manifest_coded",
};

export class PageSourceManifestForm extends PageElement {
  protected override render() {
    const { isBusy } = this.state.sources;
    const { file, unfit } = this.state.sources.manifests;
    return html`<form class="manifest-form" aria-labelledby="manifest-form" @submit=${this.#send}>
      <h3 id="manifest-form">${t("manifest_add")}</h3>
      <p class="hint" id="manifest-what">
        ${t("manifest_form", { rows: MOST_ROWS, characters: MOST_CHARACTERS })}
      </p>
      <div class="line-actions bar">
        ${
          file
            ? html`<span class="picked" data-picked>
              <strong>${file.name}</strong>
              <span class="hint">${sized(new Blob([file.content]).size)}</span>
              <button
                class="round"
                type="button"
                data-action="drop-list"
                aria-label=${t("manifest_drop", { name: file.name })}
                title=${t("manifest_drop", { name: file.name })}
                @click=${() => void this.#take(null, "url")}
              >
                ${cross}
              </button>
            </span>`
            : html`<label class="field">
                ${t("manifest_url")}
                <input name="url" type="url" required aria-describedby="manifest-what manifest-unfit" />
              </label>
              <label class="plain file">
                <input
                  type="file"
                  class="unseen"
                  accept=".csv,.tsv,.txt,.json,text/csv,application/json"
                  aria-describedby="manifest-what manifest-unfit"
                  @change=${this.#picked}
                />
                ${t("manifest_file")}
              </label>`
        }
        <label class="field">
          ${t("manifest_name")}
          <input name="name" maxlength="200" placeholder=${file ? file.name : t("manifest_name_none")} />
        </label>
        <label class="select boxed">${t("schedule_period")} ${periodChoice()}</label>
        <button class="main" type="submit" data-action="apply-list" ?disabled=${isBusy}>
          ${t("manifest_apply")}
        </button>
      </div>
      <div id="manifest-unfit" role="alert">
        ${unfit ? html`<p class="line-text warned" data-unfit=${unfit}>${t(UNFIT[unfit], { characters: MOST_CHARACTERS })}</p>` : nothing}
      </div>
    </form>`;
  }

  #picked = async (event: Event) => {
    const input = event.target as HTMLInputElement;
    const [file] = input.files ?? [];
    input.value = "";
    if (file) await this.#take(file, "name");
  };

  /** What was pressed for that is gone then: go on where one would. */
  async #take(file: File | null, next: string): Promise<void> {
    await this.controller.manifests.take(file);
    if (this.state.sources.manifests.unfit) return;
    await this.updateComplete;
    this.querySelector<HTMLElement>(`[name="${next}"]`)?.focus();
  }

  #send = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const said = new FormData(form);
    const of = (name: string) => `${said.get(name) ?? ""}`.trim();
    const isDone = await this.controller.manifests.apply(
      { name: of("name"), url: of("url"), everyHours: periodOf(form) },
      (name) => t("manifest_runs_now", { name }),
      refusalsOf(WORDS),
    );
    if (isDone) form.reset();
  };
}

customElements.define("page-source-manifest-form", PageSourceManifestForm);
