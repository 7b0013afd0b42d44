// Draws the points with WebGL 2: columns on the graphics card, one call for all of them.

import type { Size, View } from "./camera.ts";
import { APPEAR_MS } from "./motion.ts";
import { type Frame, opacityOf, type Palette, type Renderer, type RowsToDraw } from "./renderer.ts";
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
] as const;
type Uniform = (typeof UNIFORMS)[number];
type Context = WebGL2RenderingContext;

/** Bytes of a point in each of the columns: before, after, code, born. */
const WIDTHS = [8, 8, 1, 4] as const;
const RIM_BELOW = 20_000;
const COLOURS = 256;

export class WebglRenderer implements Renderer {
  readonly kind = "webgl";
  #program: WebGLProgram;
  #at: Record<Uniform, WebGLUniformLocation | null>;
  #columns: WebGLBuffer[] = [];
  #palette: WebGLTexture;
  #size = 0;
  #room = 0;

  private constructor(private readonly gl: Context) {
    this.#program = link(gl);
    const located = UNIFORMS.map((name) => [name, gl.getUniformLocation(this.#program, name)]);
    this.#at = Object.fromEntries(located) as Record<Uniform, WebGLUniformLocation | null>;
    this.#palette = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.#palette);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    this.reset(0);
  }

  /** Return one for a canvas; nothing where there is no WebGL 2. */
  static on(canvas: HTMLCanvasElement): WebglRenderer | null {
    const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
    return gl ? new WebglRenderer(gl) : null;
  }

  reset(size: number): void {
    for (const column of this.#columns) this.gl.deleteBuffer(column);
    this.#size = 0;
    this.#room = Math.max(1024, Math.ceil(size * 1.25));
    this.#columns = WIDTHS.map((width) => this.#column(this.#room * width));
    this.#bind();
  }

  write(from: number, rows: RowsToDraw): void {
    this.#reserve(from + rows.size);
    const columns = [rows.before, rows.after, rows.codes, rows.born];
    columns.forEach((values, i) => {
      this.#write(i, from, values);
    });
    this.#size = Math.max(this.#size, from + rows.size);
  }

  settle(): void {
    const { gl } = this;
    gl.bindBuffer(gl.COPY_READ_BUFFER, this.#columns[1] as WebGLBuffer);
    gl.bindBuffer(gl.COPY_WRITE_BUFFER, this.#columns[0] as WebGLBuffer);
    gl.copyBufferSubData(gl.COPY_READ_BUFFER, gl.COPY_WRITE_BUFFER, 0, 0, this.#size * WIDTHS[0]);
  }

  setCodes(codes: Uint8Array): void {
    this.#write(2, 0, codes.subarray(0, this.#size));
  }

  setPalette(palette: Palette): void {
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, this.#palette);
    const form = gl.RGBA;
    gl.texImage2D(gl.TEXTURE_2D, 0, form, COLOURS, 1, 0, form, gl.UNSIGNED_BYTE, palette);
  }

  draw(frame: Frame): void {
    const { gl } = this;
    const { density } = frame;
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(this.#program);
    gl.bindTexture(gl.TEXTURE_2D, this.#palette);
    gl.uniform4fv(this.#at.view, viewOf(frame.view, frame.size));
    gl.uniform1f(this.#at.glide, frame.glide);
    gl.uniform1f(this.#at.now, frame.now);
    gl.uniform1f(this.#at.radius, frame.radius * density);
    gl.uniform1f(this.#at.opacity, opacityOf(this.#size));
    gl.uniform1f(this.#at.appearing, APPEAR_MS);
    gl.uniform1i(this.#at.palette, 0);
    gl.uniform3fv(
      this.#at.ground,
      frame.ground.map((part) => part / 255),
    );
    gl.uniform1f(this.#at.rim, this.#size < RIM_BELOW ? density : 0);
    gl.drawArrays(gl.POINTS, 0, this.#size);
  }

  destroy(): void {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  #column(bytes: number): WebGLBuffer {
    const column = this.gl.createBuffer();
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, column);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, bytes, this.gl.DYNAMIC_DRAW);
    return column;
  }

  #reserve(size: number): void {
    if (size <= this.#room) return;
    const { gl } = this;
    const old = this.#columns;
    this.#room = Math.ceil(size * 1.5);
    this.#columns = WIDTHS.map((width, i) => {
      const column = this.#column(this.#room * width);
      gl.bindBuffer(gl.COPY_READ_BUFFER, old[i] as WebGLBuffer);
      gl.bindBuffer(gl.COPY_WRITE_BUFFER, column);
      const held = this.#size * width;
      gl.copyBufferSubData(gl.COPY_READ_BUFFER, gl.COPY_WRITE_BUFFER, 0, 0, held);
      gl.deleteBuffer(old[i] as WebGLBuffer);
      return column;
    });
    this.#bind();
  }

  #write(column: number, from: number, values: Float32Array | Uint8Array): void {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#columns[column] as WebGLBuffer);
    gl.bufferSubData(gl.ARRAY_BUFFER, from * (WIDTHS[column] as number), values);
  }

  #bind(): void {
    const { gl } = this;
    const bind = (i: number) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.#columns[i] as WebGLBuffer);
      gl.enableVertexAttribArray(i);
    };
    bind(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    bind(1);
    gl.vertexAttribPointer(1, 2, gl.FLOAT, false, 0, 0);
    bind(2);
    gl.vertexAttribIPointer(2, 1, gl.UNSIGNED_BYTE, 0, 0);
    bind(3);
    gl.vertexAttribPointer(3, 1, gl.FLOAT, false, 0, 0);
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
