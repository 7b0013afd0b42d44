import assert from "node:assert/strict";
import { test } from "node:test";
import { Pictures } from "../src/map/pictures.ts";

/** Frames that come when the test says so. */
class Frames {
  #asked = new Map<number, FrameRequestCallback>();
  #last = 0;

  constructor() {
    globalThis.requestAnimationFrame = (call) => {
      this.#last += 1;
      this.#asked.set(this.#last, call);
      return this.#last;
    };
    globalThis.cancelAnimationFrame = (frame) => void this.#asked.delete(frame);
  }

  get asked(): number {
    return this.#asked.size;
  }

  next(): void {
    const calls = [...this.#asked.values()];
    this.#asked.clear();
    for (const call of calls) call(0);
  }
}

/** A subject that notes what is drawn, with so many parts to each picture. */
function drawing(parts: number) {
  const told = { drawn: [] as string[], isMoving: false, left: 0 };
  const renderer = {
    get isPartial() {
      return told.left > 0;
    },
    more: () => {
      told.left -= 1;
      told.drawn.push("part");
    },
  };
  const pictures = new Pictures(renderer, {
    isMoving: () => told.isMoving,
    fit: () => {},
    begin: () => {
      told.left = parts - 1;
      told.drawn.push("picture");
    },
  });
  return { told, pictures };
}

test("a picture is drawn once, part by part, and then nothing until something changes", () => {
  const frames = new Frames();
  const { told, pictures } = drawing(3);

  pictures.renew();
  pictures.renew();
  for (let i = 0; i < 6; i += 1) frames.next();

  assert.deepEqual(told.drawn, ["picture", "part", "part"]);
  assert.equal(frames.asked, 0);
});

test("while something moves each frame is a picture of its own", () => {
  const frames = new Frames();
  const { told, pictures } = drawing(2);
  told.isMoving = true;

  pictures.renew();
  frames.next();
  frames.next();
  told.isMoving = false;
  for (let i = 0; i < 3; i += 1) frames.next();

  assert.deepEqual(told.drawn, ["picture", "picture", "part"]);
});

test("a change breaks off the parts of the picture before, and after the end nothing comes", () => {
  const frames = new Frames();
  const { told, pictures } = drawing(3);

  pictures.renew();
  frames.next();
  pictures.renew();
  frames.next();
  pictures.end();
  frames.next();

  assert.deepEqual(told.drawn, ["picture", "picture"]);
});
