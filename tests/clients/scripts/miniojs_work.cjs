/* What a program with minio-js does: `miniojs_work.cjs ENDPOINT FOLDER`. */
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { Readable } = require("node:stream");
const Minio = require("minio");
const { endpoint, files, folder, keys, main } = require("./folder.cjs");

const BUCKET = "minio-js";
const { hostname, port } = new URL(endpoint);
const client = new Minio.Client({
  endPoint: hostname,
  port: Number(port),
  useSSL: false,
  accessKey: keys.accessKeyId,
  secretKey: keys.secretAccessKey,
});

async function collect(stream) {
  const found = [];
  for await (const piece of stream) found.push(piece);
  return found;
}
const content = async (key) => Buffer.concat(await collect(await client.getObject(BUCKET, key)));

async function filesGoThereAndComeBack(expected) {
  for (const [key, body] of expected) {
    await client.fPutObject(BUCKET, key, path.join(folder, key), { "X-Amz-Meta-Station": "north" });
    assert.deepStrictEqual(await content(key), body, key);
    await client.putObject(BUCKET, key, body);
    assert.deepStrictEqual(await content(key), body, key);
  }
  const listed = await collect(client.listObjectsV2(BUCKET, "", true));
  assert.deepStrictEqual(new Set(listed.map(({ name }) => name)), new Set(expected.keys()));
  const top = await collect(client.listObjects(BUCKET, "", false));
  assert.ok(top.some(({ prefix }) => prefix === "São Tomé & more/"));

  const back = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "minio-js-")), "small.csv");
  await client.fGetObject(BUCKET, "small.csv", back);
  assert.deepStrictEqual(fs.readFileSync(back), expected.get("small.csv"));
  fs.rmSync(path.dirname(back), { recursive: true });
}

async function streamsAndPieces(big) {
  // Of a stream without a length, by parts.
  await client.putObject(BUCKET, "stream", Readable.from([big], { objectMode: false }), undefined, { "X-Amz-Meta-Station": "north" });
  const stat = await client.statObject(BUCKET, "stream");
  assert.strictEqual(stat.size, big.length);
  assert.strictEqual(stat.metaData.station, "north");
  const piece = await client.getPartialObject(BUCKET, "stream", 100, 1000);
  assert.deepStrictEqual(Buffer.concat(await collect(piece)), big.subarray(100, 1100));
}

async function copiesAndTags(small) {
  await client.copyObject(BUCKET, "copy", `/${BUCKET}/small.csv`);
  assert.deepStrictEqual(await content("copy"), small);
  await client.setObjectTagging(BUCKET, "copy", { station: "north" });
  assert.deepStrictEqual(await client.getObjectTagging(BUCKET, "copy"), [{ Key: "station", Value: "north" }]);
  await assert.rejects(client.statObject(BUCKET, "nothing"), { code: "NotFound" });
}

async function linksWorkForEverybody(small) {
  const put = await client.presignedPutObject(BUCKET, "by link", 60);
  assert.ok((await fetch(put, { method: "PUT", body: small })).ok);
  const get = await client.presignedGetObject(BUCKET, "by link", 60);
  assert.deepStrictEqual(Buffer.from(await (await fetch(get)).arrayBuffer()), small);

  const policy = client.newPostPolicy();
  policy.setBucket(BUCKET);
  policy.setKey("by form");
  policy.setExpires(new Date(Date.now() + 60_000));
  policy.setContentLengthRange(1, 10_000);
  const { postURL, formData } = await client.presignedPostPolicy(policy);
  const form = new FormData();
  for (const [name, value] of Object.entries(formData)) form.append(name, value);
  form.append("file", new Blob([small]), "small.csv");
  assert.ok((await fetch(postURL, { method: "POST", body: form })).ok);
  assert.deepStrictEqual(await content("by form"), small);
}

async function everythingGoes() {
  const listed = await collect(client.listObjectsV2(BUCKET, "", true));
  await client.removeObjects(BUCKET, listed.map(({ name }) => name));
  await client.removeBucket(BUCKET);
  assert.strictEqual(await client.bucketExists(BUCKET), false);
}

main(async () => {
  const expected = files();
  const small = expected.get("small.csv");
  await client.makeBucket(BUCKET);
  assert.ok(await client.bucketExists(BUCKET));
  assert.ok((await client.listBuckets()).some(({ name }) => name === BUCKET));
  await filesGoThereAndComeBack(expected);
  await streamsAndPieces(expected.get("big.nc"));
  await copiesAndTags(small);
  await linksWorkForEverybody(small);
  await everythingGoes();
});
