// Sets a property of a style without a style attribute, which the page's policy forbids.

import { Directive, directive, type ElementPart, type PartInfo, PartType } from "lit/directive.js";

class Styled extends Directive {
  constructor(part: PartInfo) {
    super(part);
    if (part.type !== PartType.ELEMENT) throw new Error("it stands in a tag, by itself");
  }

  override update(part: ElementPart, [name, value]: [string, string]): void {
    (part.element as HTMLElement).style.setProperty(name, value);
  }

  override render(_name: string, _value: string): void {}
}

export const styled = directive(Styled);
