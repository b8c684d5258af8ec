// Payload to typed arrays. Everything packed is base64(zlib(bytes)); the browser unpacks it.

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function inflate(base64) {
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Depth travels as differences along each row, all high bytes first and then all low bytes: a third smaller than plain.
function undoDelta(packed, height, width) {
  const count = height * width;
  const depth = new Uint16Array(count);
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0, value = 0; column < width; column++, i++) {
      value = (value + ((packed[i] << 8) | packed[count + i])) & 0xffff;
      depth[i] = value;
    }
  }
  return depth;
}

async function decodeImage(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

async function decodeBase(base) {
  const [height, width] = base.shape;
  const [packed, photo] = await Promise.all([inflate(base.depth), decodeImage(base.photo)]);
  const longer = Math.max(height, width);
  return {
    id: base.id,
    height,
    width,
    extent: [height / longer, width / longer],
    depth: undoDelta(packed, height, width),
    photo,
    focal: base.camera === "perspective" ? 0.5 / Math.tan((base.field_of_view * Math.PI) / 360) : 0,
  };
}

async function decodeLayer(layer) {
  return {
    name: layer.name,
    title: layer.title,
    group: layer.group || "",
    tau: layer.tau ?? null,
    legend: layer.legend,
    height: layer.shape[0],
    width: layer.shape[1],
    data: await inflate(layer.data),
    palette: bytesOf(layer.palette),
  };
}

async function decodeEdges(edges) {
  if (!edges) return null;
  const [pairs, lengths] = await Promise.all([inflate(edges.pairs), inflate(edges.lengths)]);
  return { pairs: new Uint32Array(pairs.buffer), lengths: new Float32Array(lengths.buffer) };
}

async function decodeRegion(region) {
  if (!region) return null;
  return { height: region.shape[0], width: region.shape[1], data: await inflate(region.data) };
}

async function decodeValue(value) {
  const [layers, edges, region] = await Promise.all([
    Promise.all((value.layers || []).map(decodeLayer)),
    decodeEdges(value.edges),
    decodeRegion(value.region),
  ]);
  return {
    layers: layers.filter((layer) => layer.group !== "partition"),
    partitions: layers.filter((layer) => layer.group === "partition"),
    edges,
    region,
    marks: marksOf(value),
    cutGrid: value.cut_grid || [1, 1],
    backgroundDepth: value.background_depth ?? 2,
    depthScale: value.depth_scale ?? 1,
    tauKnn: value.tau_knn ?? null,
  };
}

// Marks as fractions of the photo's height and width: [row, column, kind], kind as in MARK_KINDS.
const MARK_KINDS = { source: 0, sink: 1, patch: 2 };

function marksOf(value) {
  const centre = ([row, column], [height, width], kind) => [(row + 0.5) / height, (column + 0.5) / width, kind];
  const marks = [
    ...(value.sinks || []).map((cell) => centre(cell, value.cut_grid, MARK_KINDS.sink)),
    ...(value.sources || []).map((cell) => centre(cell, value.cut_grid, MARK_KINDS.source)),
  ];
  if (value.patch) marks.push(centre(value.patch, value.grid, MARK_KINDS.patch));
  return marks;
}

const emptyValue = () => ({
  layers: [],
  partitions: [],
  edges: null,
  region: null,
  marks: [],
  cutGrid: [1, 1],
  backgroundDepth: 2,
  depthScale: 1,
  tauKnn: null,
});

// State of a link at one threshold: hidden, kept, cut since it is longer than τ, or cut by the min-cut. Links of a higher
// number are drawn later.
const LINK_KINDS = { hidden: 0, kept: 1, tooLong: 2, cut: 3 };

function linkKinds(edges, partition, tau) {
  const kinds = new Uint8Array(edges.lengths.length);
  const onSide = (cell) => partition.data[cell] === 2;
  for (let e = 0; e < kinds.length; e++) {
    const across = onSide(edges.pairs[2 * e]) !== onSide(edges.pairs[2 * e + 1]);
    const short = edges.lengths[e] <= tau * (1 + 1e-6); // lengths travel as float32
    if (across) kinds[e] = short ? LINK_KINDS.cut : LINK_KINDS.tooLong;
    else kinds[e] = short ? LINK_KINDS.kept : LINK_KINDS.hidden;
  }
  return kinds;
}
