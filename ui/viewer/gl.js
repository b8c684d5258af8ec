// The renderer: owns every WebGL object, independent of controls and payloads.

const UNITS = { uDepth: 0, uRegion: 1, uLayer: 2, uPalette: 3, uPhoto: 4 };
const PICK_SIDE = 9;
const SOFTWARE = /swiftshader|llvmpipe|softpipe|basic render/i;

function makeProgram(gl, vertex, fragment) {
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost())
      throw new Error(gl.getShaderInfoLog(shader));
  }
  gl.linkProgram(program);
  const setters = {
    [gl.FLOAT]: (at, v) => gl.uniform1f(at, v),
    [gl.FLOAT_VEC2]: (at, v) => gl.uniform2fv(at, v),
    [gl.FLOAT_MAT4]: (at, v) => gl.uniformMatrix4fv(at, false, v),
    [gl.SAMPLER_2D]: (at, v) => gl.uniform1i(at, v),
    [gl.UNSIGNED_INT_SAMPLER_2D]: (at, v) => gl.uniform1i(at, v),
  };
  const uniforms = [];
  for (let i = 0; i < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i++) {
    const { name, type } = gl.getActiveUniform(program, i);
    uniforms.push([name, gl.getUniformLocation(program, name), setters[type]]);
  }
  return (values) => {
    gl.useProgram(program);
    for (const [name, at, set] of uniforms) set(at, UNITS[name] ?? values[name]);
  };
}

function makeTexture(gl, name) {
  const texture = gl.createTexture();
  const [format, kind, type] = {
    uDepth: [gl.R16UI, gl.RED_INTEGER, gl.UNSIGNED_SHORT],
    uRegion: [gl.R8UI, gl.RED_INTEGER, gl.UNSIGNED_BYTE],
    uLayer: [gl.R8UI, gl.RED_INTEGER, gl.UNSIGNED_BYTE],
    uPalette: [gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE],
    uPhoto: [gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE],
  }[name];
  gl.activeTexture(gl.TEXTURE0 + UNITS[name]);
  gl.bindTexture(gl.TEXTURE_2D, texture);
  for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
    gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
  for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, wrap, gl.CLAMP_TO_EDGE);
  return (width, height, pixels) => {
    gl.activeTexture(gl.TEXTURE0 + UNITS[name]);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, format, width, height, 0, kind, type, pixels);
  };
}

function makePickTarget(gl) {
  const frame = gl.createFramebuffer();
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  for (const [format, slot] of [
    [gl.RGBA8, gl.COLOR_ATTACHMENT0],
    [gl.DEPTH_COMPONENT24, gl.DEPTH_ATTACHMENT],
  ]) {
    const buffer = gl.createRenderbuffer();
    gl.bindRenderbuffer(gl.RENDERBUFFER, buffer);
    gl.renderbufferStorage(gl.RENDERBUFFER, format, PICK_SIDE, PICK_SIDE);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, slot, gl.RENDERBUFFER, buffer);
  }
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  return frame;
}

// The id (from 1) nearest to the middle of the small picture; 0 where there is none.
function nearestId(pixels) {
  const middle = (PICK_SIDE - 1) / 2;
  let [best, id] = [Infinity, 0];
  for (let i = 0; i < PICK_SIDE * PICK_SIDE; i++) {
    const found = pixels[4 * i] | (pixels[4 * i + 1] << 8) | (pixels[4 * i + 2] << 16);
    const away = ((i % PICK_SIDE) - middle) ** 2 + (Math.floor(i / PICK_SIDE) - middle) ** 2;
    if (found && away < best) [best, id] = [away, found];
  }
  return id;
}

function makeRenderer(canvas) {
  const gl = canvas.getContext("webgl2", { antialias: false, alpha: true, powerPreference: "low-power" });
  if (!gl) return null;
  const programs = {
    points: makeProgram(gl, POINT_VERTEX, POINT_FRAGMENT),
    rounds: makeProgram(gl, POINT_VERTEX, ROUND_FRAGMENT),
    pick: makeProgram(gl, POINT_VERTEX, PICK_FRAGMENT),
    links: makeProgram(gl, LINK_VERTEX, LINK_FRAGMENT),
    marks: makeProgram(gl, MARK_VERTEX, MARK_FRAGMENT),
  };
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1); // rows of odd width are not padded
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  const fill = Object.fromEntries(Object.keys(UNITS).map((name) => [name, makeTexture(gl, name)]));
  const noVertices = gl.createVertexArray(); // points need only their number
  const links = { vertices: gl.createVertexArray(), buffers: [gl.createBuffer(), gl.createBuffer()], count: 0 };
  const marks = { vertices: gl.createVertexArray(), buffer: gl.createBuffer(), count: 0 };
  const pickTarget = makePickTarget(gl);
  let size = [0, 0];

  function load(buffer, data) {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
  }

  function setBase(base) {
    fill.uDepth(base.width, base.height, base.depth);
    fill.uPhoto(base.photo.naturalWidth, base.photo.naturalHeight, base.photo);
    size = [base.width, base.height];
  }

  function setLayer(layer) {
    fill.uLayer(layer ? layer.width : 1, layer ? layer.height : 1, layer ? layer.data : new Uint8Array(1));
    const palette = new Uint8Array(256 * 4);
    if (layer) palette.set(layer.palette.subarray(0, palette.length));
    fill.uPalette(256, 1, palette);
  }

  function setRegion(region) {
    fill.uRegion(region ? region.width : 1, region ? region.height : 1, region ? region.data : new Uint8Array([1]));
  }

  function setLinks(pairs, kinds) {
    links.count = kinds.length;
    gl.bindVertexArray(links.vertices);
    [
      [pairs, 2, gl.UNSIGNED_INT],
      [kinds, 1, gl.UNSIGNED_BYTE],
    ].forEach(([data, size, type], at) => {
      load(links.buffers[at], data);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribIPointer(at, size, type, 0, 0);
      gl.vertexAttribDivisor(at, 1);
    });
  }

  function setMarks(list) {
    marks.count = list.length;
    gl.bindVertexArray(marks.vertices);
    load(marks.buffer, new Float32Array(list.flat()));
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 0, 0);
  }

  function drawPoints(program, view) {
    program(view);
    gl.bindVertexArray(noVertices);
    gl.enable(gl.DEPTH_TEST);
    gl.disable(gl.BLEND);
    gl.depthMask(true);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const [across, down] = size.map((n) => Math.ceil(n / view.uEvery));
    gl.drawArrays(gl.POINTS, 0, across * down);
  }

  function draw(view) {
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, canvas.width, canvas.height);
    drawPoints(view.largePoints ? programs.rounds : programs.points, view);
    if (view.showLinks && links.count) {
      programs.links(view);
      gl.bindVertexArray(links.vertices);
      gl.enable(gl.BLEND);
      gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      gl.depthMask(false);
      gl.drawArraysInstanced(gl.TRIANGLES, 0, 6, links.count);
    }
    if (view.showMarks && marks.count) {
      programs.marks(view);
      gl.bindVertexArray(marks.vertices);
      gl.disable(gl.DEPTH_TEST);
      gl.disable(gl.BLEND);
      gl.drawArrays(gl.POINTS, 0, marks.count);
    }
  }

  // Flat index of the point at a canvas pixel (from the lower left), or −1. Only 9 × 9 pixels are drawn.
  function pick(view, x, y) {
    const reach = (PICK_SIDE - 1) / 2;
    gl.bindFramebuffer(gl.FRAMEBUFFER, pickTarget);
    gl.viewport(reach - x, reach - y, canvas.width, canvas.height);
    drawPoints(programs.pick, view);
    const pixels = new Uint8Array(4 * PICK_SIDE * PICK_SIDE);
    gl.readPixels(0, 0, PICK_SIDE, PICK_SIDE, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    return nearestId(pixels) - 1;
  }

  function finish() {
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const isSoftware = !!info && SOFTWARE.test(gl.getParameter(info.UNMASKED_RENDERER_WEBGL));
  setLayer(null);
  setRegion(null);
  return { setBase, setLayer, setRegion, setLinks, setMarks, draw, pick, finish, isSoftware, gl };
}
