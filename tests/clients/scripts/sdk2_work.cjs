/* What a program with the AWS SDK for JavaScript, version 2, does: `sdk2_work.cjs ENDPOINT FOLDER`. */
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const { Readable } = require("node:stream");
const AWS = require("aws-sdk");
const { endpoint, files, folder, keys, main } = require("./folder.cjs");

const Bucket = "sdk2-work";
// A server without names of its own for buckets needs the path style; nothing else is set.
const s3 = new AWS.S3({ endpoint, s3ForcePathStyle: true, region: process.env.AWS_REGION });
const call = (name, input) => s3[name]({ Bucket, ...input }).promise();
const content = async (input) => (await call("getObject", input)).Body;

async function filesGoThereAndComeBack(expected) {
  for (const [Key, body] of expected) {
    await call("putObject", { Key, Body: body });
    assert.deepStrictEqual(await content({ Key }), body, Key);
    await call("putObject", { Key, Body: fs.createReadStream(path.join(folder, Key)) });
    assert.deepStrictEqual(await content({ Key }), body, Key);
  }
  for (const name of ["listObjects", "listObjectsV2"]) {
    const { Contents } = await call(name);
    assert.deepStrictEqual(new Set(Contents.map(({ Key }) => Key)), new Set(expected.keys()));
  }
  const { CommonPrefixes } = await call("listObjectsV2", { Delimiter: "/" });
  assert.deepStrictEqual(CommonPrefixes, [{ Prefix: "São Tomé & more/" }]);
}

async function uploadsByParts(big) {
  const Body = Readable.from([big.subarray(0, 7_000_000), big.subarray(7_000_000)], { objectMode: false });
  const done = await s3.upload({ Bucket, Key: "parts", Body, Metadata: { station: "north" } }).promise();
  assert.match(done.ETag, /^"[0-9a-f]{32}-8"$/);
  assert.deepStrictEqual(await content({ Key: "parts" }), big);
  assert.deepStrictEqual((await call("headObject", { Key: "parts" })).Metadata, { station: "north" });
  assert.deepStrictEqual(await content({ Key: "parts", Range: "bytes=-100" }), big.subarray(-100));
}

async function copiesAndRefusals(small) {
  await call("copyObject", { Key: "copy", CopySource: `/${Bucket}/small.csv` });
  assert.deepStrictEqual(await content({ Key: "copy" }), small);
  await assert.rejects(content({ Key: "nothing" }), { code: "NoSuchKey" });
  await assert.rejects(call("headObject", { Key: "nothing" }), { code: "NotFound" });
}

async function linksWorkForEverybody(small) {
  // By itself this version still presigns with version 2 of signatures in us-east-1.
  const signing = new AWS.S3({
    endpoint,
    s3ForcePathStyle: true,
    region: process.env.AWS_REGION,
    signatureVersion: "v4",
  });
  const put = await signing.getSignedUrlPromise("putObject", { Bucket, Key: "by link", ContentType: "text/csv" });
  const stored = await fetch(put, { method: "PUT", body: small, headers: { "Content-Type": "text/csv" } });
  assert.strictEqual(stored.status, 200, await stored.text());
  const get = await signing.getSignedUrlPromise("getObject", { Bucket, Key: "by link", Expires: 60 });
  assert.deepStrictEqual(Buffer.from(await (await fetch(get)).arrayBuffer()), small);

  const { url, fields } = signing.createPresignedPost({ Bucket, Fields: { key: "by form" }, Expires: 60 });
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", new Blob([small]), "small.csv");
  assert.strictEqual((await fetch(url, { method: "POST", body: form })).status, 204);
  assert.deepStrictEqual(await content({ Key: "by form" }), small);
}

async function sessionsWork(small) {
  const sts = new AWS.STS({ endpoint, region: process.env.AWS_REGION });
  assert.ok((await sts.getCallerIdentity().promise()).Arn.includes(":user/"));
  const explicit = new AWS.S3({ ...keys, endpoint, s3ForcePathStyle: true, region: "us-east-1" });
  assert.deepStrictEqual((await explicit.getObject({ Bucket, Key: "copy" }).promise()).Body, small);
}

async function everythingGoes() {
  const { Contents } = await call("listObjectsV2");
  const { Errors } = await call("deleteObjects", { Delete: { Objects: Contents.map(({ Key }) => ({ Key })) } });
  assert.deepStrictEqual(Errors, []);
  await call("deleteBucket");
}

main(async () => {
  const expected = files();
  const small = expected.get("small.csv");
  await call("createBucket");
  await filesGoThereAndComeBack(expected);
  await uploadsByParts(expected.get("big.nc"));
  await copiesAndRefusals(small);
  await linksWorkForEverybody(small);
  await sessionsWork(small);
  await everythingGoes();
});
