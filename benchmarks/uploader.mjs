/**
 * Browser uploaders side by side, in one Chromium and on one S3 server: MB/s, CPU of the renderer,
 * JavaScript heap, parts in flight; plain, and from 40 ms away with 5 % of the parts answered 503.
 *
 *   node benchmarks/uploader.mjs [--mib 1024] [--runs 3] [--chromium PATH] [--python PATH] [--only bare,ours]
 *
 * Uppy and AWS lib-storage come from npm, the newest, into a temporary folder; the server is
 * `python -m s3portal.server`. Prints a Markdown table of medians, with the versions.
 */

import { execFileSync, spawn } from "node:child_process";
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { Chromium } from "./uploader/chromium.mjs";
import { farAway } from "./uploader/far-away.mjs";
import { openPortal } from "./uploader/portal.mjs";

const MIB = 1024 * 1024;
const REGION = "us-east-1";
const KEYS = { access_key_id: "BENCHKEYID0000000000", secret_access_key: "of-the-benchmark-and-nothing-else" };
const PEERS = ["@uppy/core", "@uppy/aws-s3", "@aws-sdk/client-s3", "@aws-sdk/lib-storage"];
const BUNDLES = {
  uppy: 'export { default as Uppy } from "@uppy/core"; export { default as AwsS3 } from "@uppy/aws-s3";',
  "lib-storage": 'export { S3Client } from "@aws-sdk/client-s3"; export { Upload } from "@aws-sdk/lib-storage";',
};
const ONE_WAY_MS = 20;
const HEAP_EVERY_MS = 200;

const UPLOADERS = {
  bare: { label: "bare XHR, batch of URLs (the practical limit)", run: "bare" },
  ours: { label: "s3portal, checksums off", run: "ours" },
  "ours-crc": { label: "s3portal, CRC64NVME", run: "ours", checksum: "CRC64NVME" },
  uppy: { label: "Uppy aws-s3, temporary credentials", run: "uppy" },
  "lib-storage": { label: "AWS lib-storage", run: "libStorage" },
};

const { values: options } = parseArgs({
  options: {
    mib: { type: "string", default: "1024" },
    runs: { type: "string", default: "3" },
    chromium: { type: "string", default: "chromium" },
    python: { type: "string", default: "python3" },
    only: { type: "string", default: Object.keys(UPLOADERS).join(",") },
  },
});
const sizeBytes = Number(options.mib) * MIB;
const folder = mkdtempSync(join(tmpdir(), "uploaders-"));
/** What to stop at the end, the last first. */
const running = [];

function installPeers() {
  execFileSync("npm", ["install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, ...PEERS, "esbuild"], { stdio: "inherit" });
  for (const [name, source] of Object.entries(BUNDLES)) {
    writeFileSync(join(folder, `${name}.mjs`), source);
    const esbuild = join(folder, "node_modules", ".bin", "esbuild");
    execFileSync(esbuild, [`${name}.mjs`, "--bundle", "--minify", "--format=esm", `--outfile=peers/${name}.js`, "--log-level=error"], { cwd: folder });
  }
  const version = (name) => JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf-8")).version;
  return PEERS.map((name) => `${name} ${version(name)}`);
}

async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Starts an S3 server and waits until it answers. */
async function startStore(name, origin, faults) {
  const port = await freePort();
  const config = join(folder, `${name}.json`);
  const everything = (...Action) => ({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource: "*" }] });
  const cors = {
    ...{ AllowedOrigins: [origin], AllowedMethods: ["GET", "HEAD", "PUT", "POST", "DELETE"], AllowedHeaders: ["*"] },
    ...{ ExposeHeaders: ["ETag", "x-amz-checksum-crc64nvme"], MaxAgeSeconds: 3600 },
  };
  writeFileSync(
    config,
    JSON.stringify({
      users: [{ name: "bench", ...KEYS, policy: everything("s3:*", "sts:AssumeRole") }],
      roles: [{ name: "uploads", trusted: ["bench"], max_session_s: 43_200, policy: everything("s3:*") }],
      buckets: [{ name: "bench", cors: [cors] }],
      faults,
    }),
  );
  const log = join(folder, `${name}.jsonl`);
  const address = ["--host", "127.0.0.1", "--port", String(port)];
  const server = spawn(options.python, ["-m", "s3portal.server", "--root", join(folder, name), ...address, "--config", config, "--log", log], {
    stdio: ["ignore", "ignore", "inherit"],
    cwd: new URL("..", import.meta.url),
  });
  running.push(() => server.kill());
  while (!(await answers(port))) await new Promise((resolve) => setTimeout(resolve, 50));
  return { port, log };
}

function local(port) {
  return `http://127.0.0.1:${port}`;
}

function answers(port) {
  return new Promise((resolve) => {
    const probe = connect(port, "127.0.0.1", () => resolve(true));
    probe.on("error", () => resolve(false)).on("connect", () => probe.destroy());
  });
}

/** Session credentials, for the uploaders that sign themselves. */
function assumeRole(storeUrl) {
  const ask =
    "import boto3, json, sys; c = boto3.client('sts', endpoint_url=sys.argv[1], region_name=sys.argv[2]," +
    " aws_access_key_id=sys.argv[3], aws_secret_access_key=sys.argv[4]).assume_role(" +
    "RoleArn='arn:aws:iam::000000000000:role/uploads', RoleSessionName='bench', DurationSeconds=43200)['Credentials'];" +
    "print(json.dumps({'accessKeyId': c['AccessKeyId'], 'secretAccessKey': c['SecretAccessKey'], 'sessionToken': c['SessionToken']}))";
  return JSON.parse(execFileSync(options.python, ["-c", ask, storeUrl, REGION, KEYS.access_key_id, KEYS.secret_access_key]));
}

function mostInFlight(log, id) {
  const records = readFileSync(log, "utf-8").trim().split("\n").map((line) => JSON.parse(line));
  const parts = records.filter((record) => record.operation === "UploadPart" && record.key === id);
  return parts.reduce((most, record) => Math.max(most, record.in_flight), 0);
}

/** One upload in a page of its own. */
async function measure(browser, portal, file, condition, name, number) {
  const { run, checksum } = UPLOADERS[name];
  const id = `${name}-${condition.name}-${number}`;
  const { storeUrl, session } = condition;
  const page = await browser.open(`${portal.origin}/page/page.html`);
  await page.chooseFile(file);
  let heapBytes = 0;
  const look = async () => {
    heapBytes = Math.max(heapBytes, await page.heapBytes());
  };
  const looking = setInterval(look, HEAP_EVERY_MS);
  const cpuBefore = await browser.rendererCpuS();
  try {
    const seconds = await page.evaluate(`run(${JSON.stringify(run)}, ${JSON.stringify({ id, storeUrl, session, region: REGION, checksum })})`);
    const cpuS = (await browser.rendererCpuS()) - cpuBefore;
    const stored = await portal.takeAway(storeUrl, id);
    if (stored !== sizeBytes) throw new Error(`${stored} bytes were stored`);
    return { seconds, cpuS, heapBytes, inFlight: mostInFlight(condition.log, id) };
  } catch (error) {
    return { failed: error.message.split("\n")[0] };
  } finally {
    clearInterval(looking);
    await page.close();
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function row(name, plain, far, limit) {
  const of = (runs, figure) => median(runs.map((one) => one[figure]));
  const failure = [...plain, ...far].find((one) => one.failed);
  const { label } = UPLOADERS[name];
  if (failure) return `| ${label} | failed: ${failure.failed} | | | | | |`;
  const mbPerS = sizeBytes / 1e6 / of(plain, "seconds");
  const gib = sizeBytes / 1024 ** 3;
  const cells = [
    mbPerS.toFixed(0),
    (of(limit, "seconds") / of(plain, "seconds")).toFixed(2),
    (of(plain, "cpuS") / gib).toFixed(1),
    (Math.max(...plain.map((one) => one.heapBytes)) / MIB).toFixed(1),
    of(plain, "inFlight"),
    of(far, "seconds").toFixed(1),
  ];
  return `| ${label} | ${cells.join(" | ")} |`;
}

async function main() {
  const versions = installPeers();
  const folders = {
    page: new URL("uploader/", import.meta.url),
    js: new URL("../js/src/", import.meta.url),
    peers: pathToFileURL(`${join(folder, "peers")}/`),
  };
  /** The portal stands beside the stores, however far away they are from the browser. */
  const nearBy = new Map();
  const portal = await openPortal({
    ...{ folders, credentials: KEYS, region: REGION },
    nearBy: (storeUrl) => nearBy.get(storeUrl) ?? storeUrl,
  });
  running.push(portal.close);
  const near = await startStore("plain", portal.origin, []);
  const faulty = await startStore("far", portal.origin, [{ operation: "UploadPart", status: 503, probability: 0.05 }]);
  const proxy = await farAway(faulty.port, ONE_WAY_MS);
  running.push(proxy.close);
  nearBy.set(local(proxy.port), local(faulty.port));
  const conditions = [
    { name: "plain", storeUrl: local(near.port), log: near.log, session: assumeRole(local(near.port)) },
    { name: "far", storeUrl: local(proxy.port), log: faulty.log, session: assumeRole(local(faulty.port)) },
  ];

  const file = join(folder, "file.bin");
  await new Promise((resolve, reject) => {
    createReadStream("/dev/urandom", { end: sizeBytes - 1 }).pipe(createWriteStream(file)).on("finish", resolve).on("error", reject);
  });
  const browser = new Chromium(options.chromium, join(folder, "profile"));
  running.push(() => browser.close());
  versions.unshift(await browser.version());

  const names = options.only.split(",");
  const runs = Object.fromEntries(names.map((name) => [name, { plain: [], far: [] }]));
  // The first upload of a browser and of a store pays for what all the later ones find warm: it does not count.
  for (const condition of conditions) await measure(browser, portal, file, condition, "bare", 0);
  for (let number = 1; number <= Number(options.runs); number++) {
    for (const condition of conditions) {
      // In turns, so that what else the machine does meets all of them.
      for (const name of names) {
        const result = await measure(browser, portal, file, condition, name, number);
        runs[name][condition.name].push(result);
        console.error(`${number} ${condition.name} ${name}`, result);
      }
    }
  }
  console.log(`${options.mib} MiB in parts, median of ${options.runs}, ${new Date().toISOString().slice(0, 10)}; ${versions.join(", ")}\n`);
  console.log("| uploader | MB/s | of the limit | renderer CPU s a GiB | JS heap MiB, most | PUTs in flight | s, 40 ms and 5 % 503 |");
  console.log("| --- | --- | --- | --- | --- | --- | --- |");
  for (const name of names) console.log(row(name, runs[name].plain, runs[name].far, (runs.bare ?? runs[name]).plain));
}

try {
  await main();
} finally {
  for (const stop of running.reverse()) await stop();
  rmSync(folder, { recursive: true, force: true });
}
