// Draws the points with WebGL 2: columns on the graphics card, one call for all of them.

import type { Size, View } from "./camera.ts";
import { opacityOf } from "./density.ts";
import { APPEAR_MS } from "./motion.ts";
import { type Layer, partsOf, type Step, stepsOf } from "./pace.ts";
import {
  type Frame,
  litRadiusOf,
  type Palette,
  type Renderer,
  type RowsToDraw,
} from "./renderer.ts";
import { FRAGMENT, VERTEX } from "./shaders.ts";

const UNIFORMS = [
  "view",
  "glide",
  "now",
  "radius",
  "opacity",
  "appearing",
  "palette",
  "ground",
  "rim",
  "layer",
] as const;
type Uniform = (typeof UNIFORMS)[number];
type Context = WebGL2RenderingContext;

/** Bytes of a point in each of the columns. */
const WIDTHS = [8, 8, 1, 4, 1] as const;
const [BEFORE, AFTER, CODE, BORN, FLAGS] = [0, 1, 2, 3, 4] as const;
/** As the program numbers them. */
const LAYERS: readonly Layer[] = ["all", "dim", "lit"];
const RIM_BELOW = 20_000;
/** Fainter points have no rims either: those of others would shine through. */
const RIM_ABOVE = 0.5;
const COLOURS = 256;

/** The columns of some points on the graphics card. */
interface Table {
  readonly columns: WebGLBuffer[];
  readonly room: number;
  size: number;
}

export class WebglRenderer implements Renderer {
  readonly kind = "webgl";
  #program: WebGLProgram;
  #at: Record<Uniform, WebGLUniformLocation | null>;
  #shown: Table;
  #filled: Table;
  #palette: WebGLTexture;
  #frame: Frame | null = null;
  /** Tells when what was filled last is there. */
  #arrival: WebGLSync | null = null;
  #parts = 1;
  /** What is left to draw of the picture. */
  #steps: Step[] = [];

  private constructor(private readonly gl: Context) {
    this.#program = link(gl);
    const located = UNIFORMS.map((name) => [name, gl.getUniformLocation(this.#program, name)]);
    this.#at = Object.fromEntries(located) as Record<Uniform, WebGLUniformLocation | null>;
    this.#palette = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.#palette);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    this.#shown = this.#table(0);
    this.#filled = this.#shown;
  }

  /** Return one for a canvas; nothing where there is no WebGL 2. */
  static on(canvas: HTMLCanvasElement): WebglRenderer | null {
    const gl = canvas.getContext("webgl2", {
      antialias: false,
      premultipliedAlpha: true,
      preserveDrawingBuffer: true, // a picture may come in parts
    });
    return gl ? new WebglRenderer(gl) : null;
  }

  get isPartial(): boolean {
    return this.#steps.length > 0;
  }

  begin(size: number): void {
    if (this.#filled !== this.#shown) this.#delete(this.#filled);
    this.#filled = this.#table(Math.ceil(size * 1.25));
  }

  fill(from: number, rows: RowsToDraw): void {
    const { gl } = this;
    this.#writeRows(this.#filled, from, rows);
    gl.deleteSync(this.#arrival);
    this.#arrival = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
  }

  get isBusy(): boolean {
    const { gl } = this;
    const arrival = this.#arrival;
    // Of a card that was lost nothing arrives, and nobody has to wait for that.
    return arrival !== null && gl.getSyncParameter(arrival, gl.SYNC_STATUS) === gl.UNSIGNALED;
  }

  turn(): void {
    if (this.#filled === this.#shown) return;
    this.#delete(this.#shown);
    this.#shown = this.#filled;
    this.#steps = [];
  }

  write(from: number, rows: RowsToDraw): void {
    this.#reserve(from + rows.size);
    this.#writeRows(this.#shown, from, rows);
  }

  settle(): void {
    const { gl } = this;
    const { columns, size } = this.#shown;
    gl.bindBuffer(gl.COPY_READ_BUFFER, columns[AFTER] as WebGLBuffer);
    gl.bindBuffer(gl.COPY_WRITE_BUFFER, columns[BEFORE] as WebGLBuffer);
    gl.copyBufferSubData(gl.COPY_READ_BUFFER, gl.COPY_WRITE_BUFFER, 0, 0, size * WIDTHS[BEFORE]);
  }

  setCodes(from: number, codes: Uint8Array): void {
    this.#write(this.#shown, CODE, from, codes);
  }

  setFlags(from: number, flags: Uint8Array): void {
    this.#write(this.#shown, FLAGS, from, flags);
  }

  setPalette(palette: Palette): void {
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, this.#palette);
    const form = gl.RGBA;
    gl.texImage2D(gl.TEXTURE_2D, 0, form, COLOURS, 1, 0, form, gl.UNSIGNED_BYTE, palette);
  }

  draw(frame: Frame, atOnce: number): void {
    const { gl } = this;
    this.#frame = frame;
    this.#parts = partsOf(this.#shown.size, atOnce);
    this.#steps = stepsOf(this.#parts, frame.lit !== null);
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    this.more();
  }

  more(): void {
    const step = this.#steps.shift();
    const frame = this.#frame;
    if (!step || !frame) return;
    this.#prepare(frame);
    for (const { part, layer } of step) {
      this.#bind(part, this.#parts);
      const count = Math.ceil((this.#shown.size - part) / this.#parts);
      this.#layer(layer, frame, count);
    }
  }

  #prepare(frame: Frame): void {
    const { gl } = this;
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(this.#program);
    gl.bindTexture(gl.TEXTURE_2D, this.#palette);
    gl.uniform4fv(this.#at.view, viewOf(frame.view, frame.size));
    gl.uniform1f(this.#at.glide, frame.glide);
    gl.uniform1f(this.#at.now, frame.now);
    gl.uniform1f(this.#at.appearing, APPEAR_MS);
    gl.uniform1i(this.#at.palette, 0);
    gl.uniform3fv(
      this.#at.ground,
      frame.ground.map((part) => part / 255),
    );
  }

  #layer(layer: Layer, frame: Frame, count: number): void {
    const { gl } = this;
    const crowd = layer === "lit" ? (frame.lit ?? frame.crowd) : frame.crowd;
    const opacity = opacityOf(crowd);
    const radius = layer === "lit" ? litRadiusOf(frame.radius, crowd.count) : frame.radius;
    const hasRims = layer !== "dim" && crowd.count < RIM_BELOW && opacity > RIM_ABOVE;
    gl.uniform1i(this.#at.layer, LAYERS.indexOf(layer));
    gl.uniform1f(this.#at.radius, radius * frame.density);
    gl.uniform1f(this.#at.opacity, opacity);
    gl.uniform1f(this.#at.rim, hasRims ? frame.density : 0);
    if (count > 0) gl.drawArrays(gl.POINTS, 0, count);
  }

  destroy(): void {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  #table(room: number): Table {
    const { gl } = this;
    const least = Math.max(1024, room);
    const columns = WIDTHS.map((width) => {
      const column = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, column);
      gl.bufferData(gl.ARRAY_BUFFER, least * width, gl.DYNAMIC_DRAW);
      return column;
    });
    return { columns, room: least, size: 0 };
  }

  #delete(table: Table): void {
    for (const column of table.columns) this.gl.deleteBuffer(column);
  }

  #reserve(size: number): void {
    const old = this.#shown;
    if (size <= old.room) return;
    const { gl } = this;
    const fresh = this.#table(Math.ceil(size * 1.5));
    WIDTHS.forEach((width, i) => {
      gl.bindBuffer(gl.COPY_READ_BUFFER, old.columns[i] as WebGLBuffer);
      gl.bindBuffer(gl.COPY_WRITE_BUFFER, fresh.columns[i] as WebGLBuffer);
      gl.copyBufferSubData(gl.COPY_READ_BUFFER, gl.COPY_WRITE_BUFFER, 0, 0, old.size * width);
    });
    fresh.size = old.size;
    if (this.#filled === old) this.#filled = fresh;
    this.#shown = fresh;
    this.#delete(old);
  }

  #writeRows(table: Table, from: number, rows: RowsToDraw): void {
    this.#write(table, BEFORE, from, rows.before);
    this.#write(table, AFTER, from, rows.after);
    this.#write(table, BORN, from, rows.born);
    table.size = Math.max(table.size, from + rows.size);
  }

  #write(table: Table, column: number, from: number, values: Float32Array | Uint8Array): void {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, table.columns[column] as WebGLBuffer);
    gl.bufferSubData(gl.ARRAY_BUFFER, from * (WIDTHS[column] as number), values);
  }

  /** Have every n-th point drawn, from a number on. */
  #bind(first: number, step: number): void {
    const { gl } = this;
    const { columns } = this.#shown;
    const bind = (i: number) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, columns[i] as WebGLBuffer);
      gl.enableVertexAttribArray(i);
      const width = WIDTHS[i] as number;
      return [step === 1 ? 0 : step * width, first * width] as const;
    };
    for (const i of [BEFORE, AFTER]) gl.vertexAttribPointer(i, 2, gl.FLOAT, false, ...bind(i));
    gl.vertexAttribPointer(BORN, 1, gl.FLOAT, false, ...bind(BORN));
    for (const i of [CODE, FLAGS]) gl.vertexAttribIPointer(i, 1, gl.UNSIGNED_BYTE, ...bind(i));
  }
}

function viewOf(view: View, size: Size): [number, number, number, number] {
  return [view.x, view.y, (2 * view.scale) / size.width, (2 * view.scale) / size.height];
}

function link(gl: Context): WebGLProgram {
  const program = gl.createProgram();
  const parts: [GLenum, string][] = [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ];
  for (const [kind, source] of parts) {
    const shader = gl.createShader(kind);
    if (!shader) throw new Error("the graphics card was lost");
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(gl.getProgramInfoLog(program) ?? "the programs do not fit");
  }
  return program;
}
