/* What a program with the AWS SDK for JavaScript, version 3, does: `sdk3_work.cjs ENDPOINT FOLDER`. */
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const { Readable } = require("node:stream");
const s3 = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { createPresignedPost } = require("@aws-sdk/s3-presigned-post");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");
const { endpoint, files, folder, main } = require("./folder.cjs");

const Bucket = "sdk3-work";
const client = new s3.S3Client({ endpoint });
const send = (name, input) => client.send(new s3[`${name}Command`]({ Bucket, ...input }));
const content = async (input) => Buffer.from(await (await send("GetObject", input)).Body.transformToByteArray());

async function all(paginate, input, name) {
  const found = [];
  for await (const page of paginate({ client }, { Bucket, ...input })) found.push(...(page[name] ?? []));
  return found;
}

async function filesGoThereAndComeBack(expected) {
  for (const [Key, body] of expected) {
    // A buffer is one request with a checksum in a header; a stream has it in a trailer.
    await send("PutObject", { Key, Body: body });
    assert.deepStrictEqual(await content({ Key }), body, Key);
    const stream = fs.createReadStream(path.join(folder, Key));
    await send("PutObject", { Key, Body: stream, ContentLength: body.length });
    assert.deepStrictEqual(await content({ Key }), body, Key);
  }
  const listed = await all(s3.paginateListObjectsV2, {}, "Contents");
  assert.deepStrictEqual(new Set(listed.map(({ Key }) => Key)), new Set(expected.keys()));
  const top = await send("ListObjectsV2", { Delimiter: "/" });
  assert.deepStrictEqual(top.CommonPrefixes, [{ Prefix: "São Tomé & more/" }]);
}

async function uploadsByParts(big) {
  // lib-storage does not know the length of a stream, and sends it by parts of 5 MiB.
  const Body = Readable.from([big.subarray(0, 7_000_000), big.subarray(7_000_000)], { objectMode: false });
  const done = await new Upload({ client, params: { Bucket, Key: "parts", Body, Metadata: { station: "north" } } }).done();
  assert.match(done.ETag, /^"[0-9a-f]{32}-8"$/);
  assert.deepStrictEqual(await content({ Key: "parts" }), big);
  const head = await send("HeadObject", { Key: "parts", ChecksumMode: "ENABLED" });
  assert.strictEqual(head.ContentLength, big.length);
  assert.deepStrictEqual(head.Metadata, { station: "north" });
  assert.ok(head.ChecksumCRC32);
  assert.deepStrictEqual(await content({ Key: "parts", Range: "bytes=-100" }), big.subarray(-100));

  const { UploadId } = await send("CreateMultipartUpload", { Key: "aborted" });
  await send("UploadPart", { Key: "aborted", UploadId, PartNumber: 1, Body: "x" });
  assert.strictEqual((await send("ListParts", { Key: "aborted", UploadId })).Parts.length, 1);
  await send("AbortMultipartUpload", { Key: "aborted", UploadId });
  await assert.rejects(send("ListParts", { Key: "aborted", UploadId }), s3.NoSuchUpload);
}

async function copiesTagsAndConditions(small) {
  await send("CopyObject", { Key: "copy", CopySource: `${Bucket}/small.csv` });
  assert.deepStrictEqual(await content({ Key: "copy" }), small);
  await send("PutObjectTagging", { Key: "copy", Tagging: { TagSet: [{ Key: "station", Value: "north" }] } });
  const { TagSet } = await send("GetObjectTagging", { Key: "copy" });
  assert.deepStrictEqual(TagSet, [{ Key: "station", Value: "north" }]);
  const again = send("PutObject", { Key: "copy", Body: "other", IfNoneMatch: "*" });
  await assert.rejects(again, (problem) => problem.$metadata.httpStatusCode === 412);
  await assert.rejects(send("GetObject", { Key: "nothing" }), s3.NoSuchKey);
  await assert.rejects(send("HeadObject", { Key: "nothing" }), s3.NotFound);
}

async function linksWorkForEverybody(small) {
  const put = await getSignedUrl(client, new s3.PutObjectCommand({ Bucket, Key: "by link" }));
  assert.ok((await fetch(put, { method: "PUT", body: small })).ok);
  const get = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket, Key: "by link" }), { expiresIn: 60 });
  assert.deepStrictEqual(Buffer.from(await (await fetch(get)).arrayBuffer()), small);

  const { url, fields } = await createPresignedPost(client, {
    Bucket,
    Key: "by form/${filename}",
    Conditions: [["content-length-range", 1, 10_000]],
  });
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", new Blob([small]), "small.csv");
  assert.strictEqual((await fetch(url, { method: "POST", body: form })).status, 204);
  assert.deepStrictEqual(await content({ Key: "by form/small.csv" }), small);
}

async function versionsAreKept() {
  await send("PutBucketVersioning", { VersioningConfiguration: { Status: "Enabled" } });
  const first = await send("PutObject", { Key: "kept", Body: "one" });
  await send("PutObject", { Key: "kept", Body: "two" });
  assert.strictEqual(String(await content({ Key: "kept", VersionId: first.VersionId })), "one");
  await send("DeleteObject", { Key: "kept" });
  const { DeleteMarkers, Versions } = await send("ListObjectVersions", { Prefix: "kept" });
  assert.deepStrictEqual([DeleteMarkers.length, Versions.length], [1, 2]);
}

async function everythingGoes() {
  const { DeleteMarkers, Versions } = await send("ListObjectVersions", {});
  const Objects = [...DeleteMarkers, ...Versions].map(({ Key, VersionId }) => ({ Key, VersionId }));
  const { Errors } = await send("DeleteObjects", { Delete: { Objects } });
  assert.strictEqual(Errors, undefined);
  await send("DeleteBucket", {});
  await assert.rejects(send("HeadBucket", {}), s3.NotFound);
}

main(async () => {
  const expected = files();
  await send("CreateBucket", {});
  await s3.waitUntilBucketExists({ client, maxWaitTime: 10 }, { Bucket });
  await filesGoThereAndComeBack(expected);
  await uploadsByParts(expected.get("big.nc"));
  await copiesTagsAndConditions(expected.get("small.csv"));
  await linksWorkForEverybody(expected.get("small.csv"));
  await versionsAreKept();
  await everythingGoes();
});
