/** In the page: each uploader sends the chosen file once. `run(name, given)` answers the seconds it took. */

const MIB = 1024 * 1024;
const CONNECTIONS = 4;

async function call(name, given) {
  const answer = await fetch(`/api/${name}`, { method: "POST", body: JSON.stringify(given) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

/** The practical limit: URLs signed beforehand, four XHRs at a time, nothing else. */
async function bare(file, { id, storeUrl }) {
  const { upload } = await call("create", { id, storeUrl, size: file.size });
  const partNumbers = Array.from({ length: upload.part_count }, (_, i) => i + 1);
  const signed = await call("sign", { id, part_numbers: partNumbers });
  const put = ({ part_number: n, url }) =>
    new Promise((resolve) => {
      const xhr = new XMLHttpRequest();
      xhr.onloadend = () => resolve(xhr.status === 200);
      xhr.open("PUT", url);
      xhr.send(file.slice((n - 1) * upload.part_size, n * upload.part_size));
    });
  const work = async () => {
    for (let part = signed.shift(); part; part = signed.shift()) while (!(await put(part)));
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  await call("complete", { id });
}

async function ours(file, { id, storeUrl, checksum, sts }) {
  const { MultipartUpload } = await import("/js/core/upload.js");
  const { measureRoundTrip } = await import("/js/core/distance.js");
  const adapter = {
    url: location.origin,
    create: (request) => call("create", { ...request, id, storeUrl, checksum }),
    signParts: (_, part_numbers) => call("sign", { id, part_numbers }),
    complete: () => call("complete", { id }),
  };
  const upload = new MultipartUpload(file, adapter, { concurrency: CONNECTIONS, roundTripMs: measureRoundTrip(storeUrl) });
  await new Promise((resolve, reject) => {
    upload.addEventListener("complete", resolve);
    upload.addEventListener("error", ({ detail }) => reject(detail.error));
    upload.start();
  });
}

async function uppy(file, { id, storeUrl, session, region }) {
  const { Uppy, AwsS3 } = await import("/peers/uppy.js");
  const uploader = new Uppy().use(AwsS3, {
    shouldUseMultipart: true,
    getChunkSize: () => 5 * MIB,
    generateObjectKey: () => id,
    s3Endpoint: `${storeUrl}/bench`,
    region,
    getCredentials: () => ({ credentials: session, region }),
  });
  uploader.addFile({ name: file.name, type: file.type, data: file });
  const { failed } = await uploader.upload();
  if (failed.length > 0) throw new Error(String(failed[0].error));
}

async function libStorage(file, { id, storeUrl, session, region }) {
  const { S3Client, Upload } = await import("/peers/lib-storage.js");
  const client = new S3Client({
    ...{ endpoint: storeUrl, region, credentials: session, forcePathStyle: true },
    // Without it every part is hashed as well, which the others do not do either.
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  const params = { Bucket: "bench", Key: id, Body: file };
  await new Upload({ client, params, queueSize: CONNECTIONS, partSize: 5 * MIB }).done();
}

const uploaders = { bare, ours, uppy, libStorage };

window.run = async (name, given) => {
  const [file] = document.querySelector("input").files;
  // What an uploader loads is there when the clock starts: pages load it once.
  await import({ bare: "/page/page.js", ours: "/js/core/upload.js", uppy: "/peers/uppy.js", libStorage: "/peers/lib-storage.js" }[name]);
  const startedMs = performance.now();
  await uploaders[name](file, given);
  return (performance.now() - startedMs) / 1000;
};
window.ready = true;
