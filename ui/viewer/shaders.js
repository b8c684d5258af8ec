// Positions are computed on the graphics card, from depth alone: the same formulas as `cuts3d.method.point_cloud`.

const GLSL_PLACE = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
uniform usampler2D uDepth;   // [H, W] uint16, 0 nearest
uniform usampler2D uRegion;  // bipartition B on the cut's grid, 1 inside
uniform mat4 uMatrix;        // cloud to clip space
uniform mat4 uView;          // its rotation: cloud to right, up, back
uniform vec2 uExtent;        // height and width as fractions of the longer image side
uniform float uStretch;      // length of the depth range in the same units
uniform float uFocal;        // of the photo's camera; 0 orthographic
uniform float uBackground;   // z of everything outside B; below 0: not moved
uniform vec2 uCutGrid;       // rows and columns of the cut's grid

ivec2 cellOf(vec2 place, ivec2 size) {  // place: fractions (row, column); size and result: (x, y)
  return min(ivec2(place.yx * vec2(size)), size - 1);
}

float spreadOf(float z) { return uFocal > 0.0 ? 1.0 + z / uFocal : 1.0; }

float depthOf(vec2 place) {
  return float(texelFetch(uDepth, cellOf(place, textureSize(uDepth, 0)), 0).r) / 65535.0 * uStretch;
}

vec3 pointAt(vec2 place) {
  bool asCut = uBackground >= 0.0;  // the cut sees one depth for each of its cells
  float z = depthOf(asCut ? (floor(place * uCutGrid) + 0.5) / uCutGrid : place);
  vec2 plane = (place - 0.5) * uExtent * spreadOf(z);
  if (asCut && texelFetch(uRegion, cellOf(place, textureSize(uRegion, 0)), 0).r == 0u) z = uBackground;
  return vec3(plane.y, -plane.x, 0.5 * uStretch - z);
}
`;

const POINT_VERTEX = `${GLSL_PLACE}
uniform usampler2D uLayer;   // palette index of every cell
uniform sampler2D uPalette;  // 256 colours; alpha: how much of the photo they cover
uniform sampler2D uPhoto;
uniform float uPointSize;    // in distances between neighbours
uniform float uEvery;        // 1: all points; 2: every second row and column
uniform float uUnit;         // pixels of a length of 1 at distance 1
flat out vec3 vColour;
flat out uint vId;

// A point's own size, or more where the surface is steep, so that surfaces stay closed and depth edges stay open.
float pixelsAt(vec2 place, vec2 cell, float w) {
  float z = depthOf(place), pixel = uUnit / w;
  vec2 steps = vec2(depthOf(place + vec2(0.0, cell.y)), depthOf(place + vec2(cell.x, 0.0))) - z;
  steps *= vec2(lessThan(abs(steps), vec2(0.02 * uStretch)));
  vec2 gap = uExtent * cell * spreadOf(z);
  vec3 right = mat3(uView) * vec3(gap.y, 0.0, -steps.x), below = mat3(uView) * vec3(0.0, -gap.x, -steps.y);
  vec2 apart = max(abs(right.xy), abs(below.xy));
  float own = uPointSize * max(gap.x, gap.y);
  return pixel * clamp(0.8 * uPointSize * max(apart.x, apart.y), own, 3.0 * own);
}

void main() {
  ivec2 size = textureSize(uDepth, 0);
  int every = int(uEvery), across = (size.x + every - 1) / every;
  ivec2 at = every * ivec2(gl_VertexID / across, gl_VertexID % across);  // row, column
  vec2 cell = 1.0 / vec2(size.yx), place = (vec2(at) + 0.5) * cell;
  gl_Position = uMatrix * vec4(pointAt(place), 1.0);
  gl_PointSize = clamp(pixelsAt(place, cell, gl_Position.w), 1.0, 64.0);
  uint index = texelFetch(uLayer, cellOf(place, textureSize(uLayer, 0)), 0).r;
  vec4 paint = texelFetch(uPalette, ivec2(index, 0), 0);
  vColour = mix(texelFetch(uPhoto, cellOf(place, textureSize(uPhoto, 0)), 0).rgb, paint.rgb, paint.a);
  vId = uint(at.x * size.x + at.y) + 1u;
}`;

const GLSL_POINT_INPUTS = `#version 300 es
precision highp float;
flat in vec3 vColour;
flat in highp uint vId;
out vec4 colour;
`;

const POINT_FRAGMENT = `${GLSL_POINT_INPUTS}
void main() { colour = vec4(vColour, 1.0); }`;

// For large points only: a shader with `discard` takes twice the time in a software renderer.
const ROUND_FRAGMENT = `${GLSL_POINT_INPUTS}
void main() {
  vec2 d = gl_PointCoord - 0.5;
  if (dot(d, d) > 0.25) discard;
  colour = vec4(vColour, 1.0);
}`;

const PICK_FRAGMENT = `${GLSL_POINT_INPUTS}
void main() { colour = vec4(uvec4(vId & 255u, (vId >> 8) & 255u, (vId >> 16) & 255u, 255u)) / 255.0; }`;

const LINK_VERTEX = `${GLSL_PLACE}
layout(location = 0) in uvec2 aPair;  // flat cells of the cut's grid
layout(location = 1) in uint aKind;
uniform vec2 uPixels;                 // canvas size
uniform float uWidth;                 // of a link, pixels
flat out uint vKind;
out float vAlong;

vec4 clipOf(uint cell) {
  vec2 place = (vec2(cell / uint(uCutGrid.y), cell % uint(uCutGrid.y)) + 0.5) / uCutGrid;
  vec3 towardsEye = vec3(uView[0].z, uView[1].z, uView[2].z);
  return uMatrix * vec4(pointAt(place) + 0.015 * towardsEye, 1.0);  // in front of the surface along which it runs
}

void main() {
  vec4 a = clipOf(aPair.x), b = clipOf(aPair.y);
  bool end = gl_VertexID == 1 || gl_VertexID == 2 || gl_VertexID == 4;
  float side = gl_VertexID == 0 || gl_VertexID == 1 || gl_VertexID == 3 ? -1.0 : 1.0;
  vec2 along = (b.xy / b.w - a.xy / a.w) * uPixels;
  vec2 across = normalize(vec2(-along.y, along.x) + 1e-6) * side * uWidth / uPixels;
  gl_Position = end ? b : a;
  gl_Position.xy += across * gl_Position.w;
  if (a.w <= 0.0 || b.w <= 0.0) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  vKind = aKind;
  vAlong = end ? length(along) : 0.0;
}`;

const LINK_FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
flat in uint vKind;
in float vAlong;
out vec4 colour;
void main() {
  if (vKind == 2u && fract(vAlong / 16.0) > 0.55) discard;
  if (vKind == 1u) colour = vec4(0.62, 0.66, 0.72, 0.4);
  else if (vKind == 3u) colour = vec4(0.90, 0.16, 0.20, 0.95);
  else colour = vec4(0.60, 0.24, 0.92, 0.85);
}`;

const MARK_VERTEX = `${GLSL_PLACE}
layout(location = 0) in vec3 aMark;  // row, column, kind
uniform float uSize;
flat out float vKind;
void main() {
  gl_Position = uMatrix * vec4(pointAt(aMark.xy), 1.0);
  gl_PointSize = aMark.z > 1.5 ? uSize * 1.25 : uSize;
  vKind = aMark.z;
}`;

// A source is a disc, a sink a diamond, the chosen patch a ring: they differ in shape, not only in colour.
const MARK_FRAGMENT = `#version 300 es
precision highp float;
flat in float vKind;
out vec4 colour;
void main() {
  vec2 d = 2.0 * gl_PointCoord - 1.0;
  float r = vKind == 1.0 ? abs(d.x) + abs(d.y) : length(d);
  if (r > 1.0 || (vKind > 1.5 && r < 0.42)) discard;
  vec3 fill = vKind > 1.5 ? vec3(1.0) : vKind > 0.5 ? vec3(0.337, 0.706, 0.914) : vec3(0.941, 0.894, 0.259);
  bool rim = r > 0.76 || (vKind > 1.5 && r < 0.54);
  colour = vec4(rim ? vec3(0.06, 0.07, 0.09) : fill, 1.0);
}`;
