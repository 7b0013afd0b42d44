// The programs that run on the graphics card.

import { QUIET } from "./renderer.ts";

export const VERTEX = `#version 300 es
precision highp float;
layout(location = 0) in vec2 before;
layout(location = 1) in vec2 after;
layout(location = 2) in uint code;
layout(location = 3) in float born;
layout(location = 4) in uint flags;
uniform vec4 view;
uniform float glide;
uniform float now;
uniform float radius;
uniform float opacity;
uniform float appearing;
uniform int layer;
uniform vec3 ground;
uniform sampler2D palette;
out vec4 colour;
out float size;
void main() {
  vec4 entry = texelFetch(palette, ivec2(int(code), 0), 0);
  float age = clamp((now - born) / appearing, 0.0, 1.0);
  float rise = 1.0 - pow(1.0 - age, 3.0);
  vec2 place = mix(before, after, glide);
  gl_Position = vec4((place - view.xy) * view.zw, 0.0, 1.0);
  bool isLit = (flags & 1u) != 0u;
  bool isElsewhere = layer == 1 ? isLit : layer == 2 && !isLit;
  if (entry.a < 0.5 || (flags & 2u) != 0u || isElsewhere) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  size = 2.0 * radius * mix(2.4, 1.0, rise) + 2.0;
  gl_PointSize = size;
  vec3 quiet = mix(vec3(dot(entry.rgb, vec3(0.3, 0.59, 0.11))), ground, ${QUIET});
  colour = vec4(layer == 1 ? quiet : entry.rgb, opacity * rise);
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
in vec4 colour;
in float size;
uniform vec3 ground;
uniform float rim;
out vec4 pixel;
void main() {
  float distance = length(gl_PointCoord - 0.5) * size;
  float edge = size * 0.5 - 1.0;
  float cover = 1.0 - smoothstep(edge - 0.7, edge + 0.7, distance);
  if (cover <= 0.0) discard;
  float inner = 1.0 - smoothstep(edge - rim - 0.6, edge - rim + 0.6, distance);
  vec3 mixed = mix(ground, colour.rgb, rim > 0.0 ? inner : 1.0);
  float alpha = cover * colour.a;
  pixel = vec4(mixed * alpha, alpha);
}`;
