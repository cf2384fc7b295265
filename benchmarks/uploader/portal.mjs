/**
 * The pages of the benchmark, and a portal that is no more than the upload protocol: create, sign,
 * complete. It signs with the same code as the browser (js/src/core/sigv4.js).
 */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";

import { planParts } from "../../js/src/core/part-plan.js";
import { presign } from "../../js/src/core/sigv4.js";

const MIB = 1024 * 1024;
const TYPES = { ".html": "text/html", ".js": "text/javascript" };

/**
 * @param {object} needs
 * @param {Record<string, URL>} needs.folders by the first step of the path
 * @param {object} needs.credentials of a user who may do everything
 * @param {string} needs.region
 * @param {(storeUrl: string) => string} needs.nearBy where the portal itself finds a store of browsers
 */
export async function openPortal({ folders, credentials, region, nearBy }) {
  const uploads = new Map();

  const signed = (method, url, query, headers = {}) =>
    presign({ ...{ method, url, query, headers, region, credentials }, signedAtMs: Date.now(), expiresS: 3600 });

  async function s3(method, url, query, body, headers) {
    const answer = await fetch(await signed(method, url, query, headers), { method, body, headers });
    const text = await answer.text();
    if (!answer.ok || text.includes("<Error>")) throw new Error(`${method}: ${answer.status} ${text}`);
    return { text, headers: answer.headers };
  }

  const calls = {
    async create({ id, storeUrl, size, checksum, round_trip_ms: roundTripMs = 0 }) {
      const url = `${nearBy(storeUrl)}/bench/${id}`;
      // The portal's own rule (s3portal/transfer/part_plan.py, chosen_part_size), without its bounds.
      const part_size = Math.max(5, Math.min(16, Math.floor((5 * roundTripMs) / 25))) * MIB;
      const headers = checksum ? { "x-amz-checksum-algorithm": checksum, "x-amz-checksum-type": "FULL_OBJECT" } : {};
      const { text } = await s3("POST", url, { uploads: "" }, undefined, headers);
      const s3UploadId = /<UploadId>(.*)<\/UploadId>/.exec(text)[1];
      const plan = planParts(size, part_size);
      const upload = { id, state: "uploading", filename: id, size, content_type: "", part_size, part_count: plan.partCount };
      uploads.set(id, { url, partUrl: `${storeUrl}/bench/${id}`, s3UploadId, plan, upload: { ...upload, checksum_algorithm: checksum ?? null } });
      return { upload: uploads.get(id).upload, parts: await calls.sign({ id, part_numbers: numbers(Math.min(100, plan.partCount)) }) };
    },
    async sign({ id, part_numbers: partNumbers }) {
      const { partUrl, s3UploadId, plan } = uploads.get(id);
      const expires_at = new Date(Date.now() + 3_600_000).toISOString();
      return Promise.all(
        partNumbers.map(async (part_number) => {
          const length = Math.min(plan.partSize, plan.size - (part_number - 1) * plan.partSize);
          const query = { uploadId: s3UploadId, partNumber: String(part_number) };
          return { part_number, url: await signed("PUT", partUrl, query, { "content-length": String(length) }), headers: {}, expires_at };
        }),
      );
    },
    async complete({ id }) {
      const { url, s3UploadId, upload } = uploads.get(id);
      const listed = await s3("GET", url, { uploadId: s3UploadId });
      const etags = [...listed.text.matchAll(/<ETag>(.*?)<\/ETag>/g)].map(([, etag]) => etag);
      const parts = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`);
      const body = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
      await s3("POST", url, { uploadId: s3UploadId }, body);
      return { ...upload, state: "completed" };
    },
  };

  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://portal");
    try {
      const call = /^\/api\/(\w+)$/.exec(pathname)?.[1];
      let body;
      if (call) {
        const chunks = await request.toArray();
        body = JSON.stringify(await calls[call](JSON.parse(Buffer.concat(chunks))));
        response.setHeader("Content-Type", "application/json");
      } else {
        const [, folder, ...rest] = pathname.split("/");
        body = await readFile(new URL(rest.join("/"), folders[folder]));
        response.setHeader("Content-Type", TYPES[extname(pathname)] ?? "application/octet-stream");
      }
      response.end(body);
    } catch (error) {
      response.statusCode = 500;
      response.end(String(error.stack));
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () => server.close(),
    /** The bytes of an object, null where there is none; removes it. */
    async takeAway(storeUrl, id) {
      const url = `${nearBy(storeUrl)}/bench/${id}`;
      const head = await fetch(await signed("HEAD", url, {}), { method: "HEAD" });
      if (!head.ok) return null;
      await s3("DELETE", url, {});
      return Number(head.headers.get("content-length"));
    },
  };
}

/** @param {number} count */
function numbers(count) {
  return Array.from({ length: count }, (_, i) => i + 1);
}
