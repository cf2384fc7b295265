/** A TCP proxy that makes a server far away: every byte arrives later, in both directions. */

import { createServer, connect } from "node:net";

/** More than this is not kept on its way; the sender has to wait, as on a real line. */
const ON_ITS_WAY_BYTES = 16 * 1024 * 1024;

/**
 * @param {number} port of the server
 * @param {number} delayMs one way
 * @returns {Promise<{port: number, close: () => void}>}
 */
export async function farAway(port, delayMs) {
  const proxy = createServer({ noDelay: true }, (near) => {
    const far = connect({ port, host: "127.0.0.1", noDelay: true });
    delayed(near, far, delayMs);
    delayed(far, near, delayMs);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return { port: proxy.address().port, close: () => proxy.close() };
}

/** @param {import("node:net").Socket} from @param {import("node:net").Socket} to @param {number} delayMs */
function delayed(from, to, delayMs) {
  let onItsWay = 0;
  // One for each piece that waits for room.
  to.setMaxListeners(0);
  from.on("data", (bytes) => {
    onItsWay += bytes.length;
    if (onItsWay > ON_ITS_WAY_BYTES) from.pause();
    setTimeout(() => {
      const room = to.write(bytes);
      const arrived = () => {
        onItsWay -= bytes.length;
        if (onItsWay <= ON_ITS_WAY_BYTES) from.resume();
      };
      if (room) arrived();
      else to.once("drain", arrived);
    }, delayMs);
  });
  from.on("end", () => setTimeout(() => to.end(), delayMs));
  from.on("error", () => to.destroy());
  to.on("close", () => from.destroy());
}
