/**
 * Reads files from front to back, a stretch after the other, for what looks at every byte.
 *
 * A stream for each part, in pieces as the browser cuts them, costs Chromium 156 about twice the CPU of one stream
 * that continues with the next part and fills our own buffer.
 */

/** @typedef {Uint8Array<ArrayBuffer>} Piece */

const BUFFER_BYTES = 512 * 1024;

/** Streams that may be continued: of the files that are sent at a time, and of parts that were stored before. */
const MOST_OPEN = 4;

/** Given away with each read, and given back with what was read. */
let buffer = new ArrayBuffer(BUFFER_BYTES);

/** The one used last is the last. @type {FileReading[]} */
let open = [];

/**
 * The bytes of one stretch. A piece is overwritten by the next one, and stretches are read one at a time.
 *
 * @param {Blob} file
 * @param {number} fileId what comes into a thread is a copy each time: the same number is the same file
 * @param {number} start
 * @param {number} end after the last byte
 * @returns {AsyncGenerator<Piece, void>}
 * @throws {DOMException} NotReadableError where the file was changed or removed, or ends before
 */
export async function* readStretch(file, fileId, start, end) {
  const goingOn = open.find((reading) => reading.fileId === fileId && reading.position === start);
  open = open.filter((reading) => reading !== goingOn);
  const reading = goingOn ?? new FileReading(file, fileId, start);
  while (reading.position < end) yield await reading.next(end - reading.position);
  if (end < file.size) open.push(reading);
  if (open.length > MOST_OPEN) open.shift()?.cancel();
}

class FileReading {
  fileId;
  position;
  #source;

  /** @param {Blob} file @param {number} fileId @param {number} start */
  constructor(file, fileId, start) {
    this.fileId = fileId;
    this.position = start;
    this.#source = sourceOf(file.slice(start).stream());
  }

  /** @param {number} most bytes */
  async next(most) {
    const piece = await this.#source.next(most);
    if (!piece?.length) throw new DOMException("too short", "NotReadableError");
    this.position += piece.length;
    return piece;
  }

  cancel() {
    // A file that is no longer read may be unreadable.
    this.#source.reader.cancel().catch(() => {});
  }
}

/** @param {ReadableStream<Piece>} stream */
function sourceOf(stream) {
  try {
    return filling(stream.getReader({ mode: "byob" }));
  } catch {
    return cutting(stream.getReader());
  }
}

/** @param {ReadableStreamBYOBReader} reader */
function filling(reader) {
  return {
    reader,
    /** @param {number} most @returns {Promise<Piece | undefined>} */
    async next(most) {
      // A read that failed has kept the buffer.
      if (buffer.byteLength === 0) buffer = new ArrayBuffer(BUFFER_BYTES);
      const { value } = await reader.read(new Uint8Array(buffer, 0, Math.min(most, BUFFER_BYTES)));
      if (value) buffer = value.buffer;
      return value;
    },
  };
}

/** For a browser whose files are no streams of bytes. @param {ReadableStreamDefaultReader<Piece>} reader */
function cutting(reader) {
  /** Read, and of the next stretch. @type {Piece | undefined} */
  let rest;
  return {
    reader,
    /** @param {number} most @returns {Promise<Piece | undefined>} */
    async next(most) {
      const piece = rest?.length ? rest : (await reader.read()).value;
      rest = piece?.subarray(most);
      return piece?.subarray(0, most);
    },
  };
}
