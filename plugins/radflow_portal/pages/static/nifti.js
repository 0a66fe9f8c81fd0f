// NIfTI-1 as Radflow writes it: little endian, one volume, unscaled.

const KINDS = { 2: Uint8Array, 4: Int16Array, 16: Float32Array };

// The bytes of a gzipped answer; `progress` hears how many compressed ones have come.
export async function gunzip(answer, progress = () => {}) {
  let come = 0;
  const counted = answer.body.pipeThrough(new TransformStream({
    transform(part, out) {
      come += part.byteLength;
      progress(come);
      out.enqueue(part);
    },
  }));
  return new Response(counted.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

export function parse(bytes) {
  const header = new DataView(bytes, 0, 352);
  if (header.getInt32(0, true) !== 348) throw new Error("The volume is no NIfTI-1 file.");
  const Kind = KINDS[header.getInt16(70, true)];
  if (!Kind) throw new Error("The volume has voxels of an unknown kind.");
  const [columns, rows, slices] = [42, 44, 46].map((at) => header.getInt16(at, true));
  const data = new Kind(bytes, header.getFloat32(108, true), columns * rows * slices);
  return { shape: [slices, rows, columns], data };
}
