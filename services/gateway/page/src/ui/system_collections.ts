// The collections that there are, as they come; and a form that makes one.

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import type { CollectionRecord } from "../api/schema.ts";
import { t, written } from "../i18n/index.ts";
import { PageElement } from "./element.ts";
import { section } from "./system_parts.ts";

export class PageSystemCollections extends PageElement {
  #isMaking = false;
  /** Which collection is about to get another title. */
  #renamed: string | null = null;

  protected override render() {
    const { kept } = this.state.system;
    const actions = html`${
      this.controller.system.mayOperate && !this.#isMaking
        ? html`<button class="plain" type="button" data-action="make" @click=${() => this.#make(true)}>
            ${t("collection_make")}
          </button>`
        : nothing
    }`;
    return section(
      "collections",
      t("collections_count", { count: kept.length }),
      html`${this.#isMaking ? this.#form() : nothing}
        <ul class="lines">${repeat(
          kept,
          ({ name }) => name,
          (one) => this.#collection(one),
        )}</ul>
        ${
          this.controller.system.mayOperate
            ? html`<p class="hint" id="analysis-hint">${t("collection_analysis_hint")}</p>`
            : nothing
        }`,
      actions,
    );
  }

  #collection(one: CollectionRecord) {
    const folders = one.sources.map((source) => `${source.path}/${source.glob}`).join(", ");
    return html`<li class="line" data-collection=${one.name}>
      <p class="line-head">
        <strong>${one.title}</strong>${one.title === one.name ? nothing : html`<span class="hint">${one.name}</span>`}
        ${one.state === "active" ? nothing : html`<span class="chip warn">${t("collection_leaving")}</span>`}
        <time class="hint">${written(one.created_at, true)}</time>
      </p>
      ${one.description ? html`<p class="line-text">${one.description}</p>` : nothing}
      ${folders ? html`<p class="hint">${folders}</p>` : nothing}
      <p class="line-actions">
        <a class="text" href="#/map/${one.name}">${t("collection_open")}</a>
        ${
          this.controller.system.mayOperate && one.state === "active"
            ? html`<button
              class="text"
              type="button"
              data-action="rename"
              aria-expanded=${this.#renamed === one.name}
              @click=${() => this.#rename(this.#renamed === one.name ? null : one.name)}
            >
              ${t("collection_rename")}
            </button>
            ${this.#analysis(one)}`
            : nothing
        }
        ${
          this.controller.system.mayOperate && one.origin === "command" && one.state === "active"
            ? html`<button
              class="text grave"
              type="button"
              data-action="delete"
              @click=${() => this.#delete(one)}
            >
              ${t("collection_delete")}
            </button>`
            : nothing
        }
      </p>
      ${this.#renamed === one.name ? this.#titleForm(one) : nothing}
    </li>`;
  }

  /** It shows what holds: after a refusal, what held before. */
  #analysis({ name, title, is_analyzed }: CollectionRecord) {
    const change = (event: Event) => {
      const isOn = (event.target as HTMLInputElement).checked;
      const done = t(isOn ? "collection_analysis_on" : "collection_analysis_off", { title });
      void this.controller.system.analyze(name, isOn, done);
    };
    return html`<label class="check">
      <input
        type="checkbox"
        data-action="analysis"
        aria-describedby="analysis-hint"
        .checked=${live(is_analyzed)}
        @change=${change}
      />
      ${t("collection_analysis")}<span class="unseen">${title}</span>
    </label>`;
  }

  #titleForm({ name, title }: CollectionRecord) {
    return html`<form class="make" data-form="rename" @submit=${(event: SubmitEvent) => this.#retitle(event, name)}>
      <label>
        <span>${t("collection_title")}</span>
        <input name="title" required maxlength="200" .value=${title} />
      </label>
      <p class="line-actions">
        <button class="main" type="submit" ?disabled=${this.state.system.isBusy}>
          ${t("collection_rename")}
        </button>
        <button class="text" type="button" @click=${() => this.#rename(null)}>${t("leave_it")}</button>
      </p>
    </form>`;
  }

  #form() {
    return html`<form class="make" @submit=${this.#submit}>
      <label>
        <span>${t("collection_name")}</span>
        <input name="name" required maxlength="63" pattern="[a-z0-9][a-z0-9_\\-]*" aria-describedby="make-name" />
        <span class="hint" id="make-name">${t("collection_name_hint")}</span>
      </label>
      <label><span>${t("collection_title")}</span><input name="title" maxlength="200" /></label>
      <label>
        <span>${t("collection_path")}</span>
        <input name="path" pattern="/.*" aria-describedby="make-path" />
        <span class="hint" id="make-path">${t("collection_path_hint")}</span>
      </label>
      <p class="line-actions">
        <button class="main" type="submit" ?disabled=${this.state.system.isBusy}>
          ${t("collection_make")}
        </button>
        <button class="text" type="button" @click=${() => this.#make(false)}>${t("leave_it")}</button>
      </p>
    </form>`;
  }

  #make(isMaking: boolean): void {
    this.#isMaking = isMaking;
    this.requestUpdate();
  }

  #rename(name: string | null): void {
    this.#renamed = name;
    this.requestUpdate();
  }

  async #retitle(event: SubmitEvent, name: string): Promise<void> {
    event.preventDefault();
    const title = String(new FormData(event.target as HTMLFormElement).get("title") ?? "").trim();
    if (!title) return;
    const done = t("collection_renamed", { name, title });
    if (await this.controller.system.rename(name, title, done)) this.#rename(null);
  }

  #delete({ name, title }: CollectionRecord): void {
    this.controller.system.ask({
      title: t("collection_delete_ask", { title }),
      text: t("collection_delete_what"),
      action: t("collection_delete"),
      isGrave: true,
      act: () => void this.controller.system.remove(name, t("collection_deleted", { name })),
    });
  }

  #submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const said = new FormData(event.target as HTMLFormElement);
    const text = (name: string) => String(said.get(name) ?? "").trim();
    const [name, title, path] = [text("name"), text("title"), text("path")];
    const wish = {
      name,
      ...(title ? { title } : {}),
      ...(path ? { sources: [{ path }] } : {}),
    };
    const isMade = await this.controller.system.create(wish, t("collection_made", { name }));
    if (isMade) this.#make(false);
  };
}

customElements.define("page-system-collections", PageSystemCollections);
