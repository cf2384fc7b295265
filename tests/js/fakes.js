/** A clock, a store behind XHR and a portal that tests can turn; nothing here waits for real time. */

import { UploadError } from "../../js/src/core/errors.js";

/** Answers of the fakes that are on their way. */
let answersOnTheirWay = 0;

function soon(answer) {
  answersOnTheirWay += 1;
  setImmediate(() => {
    answersOnTheirWay -= 1;
    answer();
  });
}

/** Lets everything happen that can happen without time passing. */
export async function settle() {
  for (let quietTurns = 0; quietTurns < 5; quietTurns++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (answersOnTheirWay > 0) quietTurns = 0;
  }
}

/** Lets things happen until one has, on other threads too, without the fake time passing. */
export async function until(hasHappened) {
  const giveUpAtMs = performance.now() + 60_000;
  while (!hasHappened()) {
    if (performance.now() > giveUpAtMs) throw new Error(`it never happened: ${hasHappened}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export class FakeClock {
  #nowMs = 0;
  #nextId = 1;
  #timers = new Map();
  /** 2026-11-21T10:00:00Z */
  epochMs = Date.UTC(2026, 10, 21, 10);

  now = () => this.#nowMs;
  today = () => this.epochMs + this.#nowMs;
  setTimer = (callback, delayMs) => {
    const id = this.#nextId++;
    this.#timers.set(id, { atMs: this.#nowMs + delayMs, callback });
    return id;
  };
  clearTimer = (id) => this.#timers.delete(id);

  get waiting() {
    return this.#timers.size;
  }

  /** Time passes; what falls due happens in its order, and what follows from it. */
  async pass(ms) {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      const due = [...this.#timers].filter(([, t]) => t.atMs <= untilMs).sort((a, b) => a[1].atMs - b[1].atMs)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#nowMs = Math.max(this.#nowMs, due[1].atMs);
      due[1].callback();
    }
    this.#nowMs = untilMs;
    await settle();
  }
}

/**
 * The store. `answer` decides about each PUT: `{status, body?, headers?}`, `"cut"` (connection
 * lost), `"silent"` (never answers), or `"hold"` (answers when `release` is called).
 */
export class FakeStore {
  puts = [];
  stored = new Map();
  inFlight = 0;
  mostInFlight = 0;
  aborted = 0;
  #held = [];

  constructor(answer = () => ({ status: 200 })) {
    this.answer = answer;
    const store = this;
    this.XMLHttpRequest = class {
      upload = {};
      requestHeaders = {};
      status = 0;
      statusText = "";
      responseText = "";
      #open = false;
      open(method, url) {
        this.method = method;
        this.url = url;
      }
      setRequestHeader(name, value) {
        this.requestHeaders[name] = value;
      }
      getAllResponseHeaders() {
        return Object.entries(this.headers ?? {}).map(([n, v]) => `${n}: ${v}`).join("\r\n");
      }
      send(body) {
        this.body = body;
        this.#open = true;
        store.arrived(this);
      }
      abort() {
        if (!this.#open) return;
        this.#open = false;
        store.inFlight -= 1;
        store.aborted += 1;
        this.onabort?.();
      }
      /** @param {any} answer */
      settle(answer) {
        if (!this.#open) return;
        this.#open = false;
        store.inFlight -= 1;
        if (answer === "cut") {
          this.onerror?.();
          return;
        }
        this.status = answer.status;
        this.responseText = answer.body ?? "";
        this.headers = answer.headers;
        if (answer.status === 200) store.stored.set(store.partNumber(this), this.body);
        this.onload?.();
      }
      get isOpen() {
        return this.#open;
      }
    };
  }

  partNumber(xhr) {
    return Number(new URL(xhr.url).searchParams.get("partNumber"));
  }

  arrived(xhr) {
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    const put = { partNumber: this.partNumber(xhr), url: xhr.url, headers: xhr.requestHeaders, size: xhr.body.size, xhr };
    this.puts.push(put);
    const answer = this.answer(put, this.puts.length);
    if (answer === "silent") return;
    if (answer === "hold") {
      this.#held.push(xhr);
      return;
    }
    soon(() => {
      if (!xhr.isOpen) return;
      if (answer !== "cut") xhr.upload.onprogress?.({ loaded: xhr.body.size });
      xhr.settle(answer);
    });
  }

  /** Answers what was held. */
  release(answer = { status: 200 }) {
    for (const xhr of this.#held.splice(0)) xhr.settle(answer);
  }
}

export function s3Error(status, code, message = "") {
  return { status, body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>` };
}

/** The portal. Any call can be overridden; `calls` has the names and what was given. */
export class FakePortal {
  url = "https://portal.example/api/3/action";
  calls = [];
  signedCount = 0;

  constructor({ clock, partSize = 5, firstBatch = 4, checksum_algorithm = null, ...overrides }) {
    this.clock = clock;
    this.partSize = partSize;
    this.firstBatch = firstBatch;
    this.checksum_algorithm = checksum_algorithm;
    this.overrides = overrides;
  }

  named(name) {
    return this.calls.filter((call) => call.name === name);
  }

  signed(partNumbers) {
    const expires_at = new Date(this.clock.today() + 900_000).toISOString();
    return partNumbers.map((part_number) => ({
      part_number,
      url: `https://store.example/bucket/key?partNumber=${part_number}&signature=${++this.signedCount}`,
      headers: { "Content-Length": "5", "x-test": "as given" },
      expires_at,
    }));
  }

  async #call(name, given, usual, more = {}) {
    this.calls.push({ name, given, ...more });
    await new Promise(soon);
    const override = this.overrides[name];
    return override ? override(given, usual, this.named(name).length) : usual();
  }

  create = (request) =>
    this.#call("create", request, () => {
      const part_count = Math.max(1, Math.ceil(request.size / this.partSize));
      this.upload = { id: "u-1", state: "uploading", filename: request.filename, size: request.size, part_size: this.partSize, part_count, checksum_algorithm: this.checksum_algorithm };
      const first = Array.from({ length: Math.min(this.firstBatch, part_count) }, (_, i) => i + 1);
      return { upload: this.upload, parts: this.signed(first) };
    });
  signParts = (id, partNumbers) => this.#call("signParts", partNumbers, () => this.signed(partNumbers));
  show = (id) => this.#call("show", id, () => this.upload);
  credentials = (id) =>
    this.#call("credentials", id, () => ({
      ...{ access_key_id: `KEY${this.named("credentials").length}`, secret_access_key: "secret", session_token: "token" },
      ...{ region: "us-east-1", url: "https://store.example/bucket/key", s3_upload_id: "s3-1" },
      now: new Date(this.clock.today()).toISOString(),
      expiration: new Date(this.clock.today() + 3_600_000).toISOString(),
    }));
  list = () => this.#call("list", null, () => [this.upload]);
  complete = (id, checksum) => this.#call("complete", id, () => ({ ...this.upload, state: "completed" }), { checksum });
  abort = (id) => this.#call("abort", id, () => ({ ...this.upload, state: "aborted" }));
}

export class FakeNetwork {
  reachable = true;
  #listener = () => {};
  watch(listener) {
    this.#listener = listener;
    return () => {
      this.#listener = () => {};
    };
  }
  async reaches() {
    return this.reachable;
  }
  say(online) {
    this.#listener(online);
  }
}

export function noConnection() {
  return new UploadError("no_connection", "no answer");
}

/** A file of numbered bytes, so that a part in the wrong place is found out. */
export function numberedFile(size, name = "river-gauges.csv") {
  return new File([Uint8Array.from({ length: size }, (_, i) => i % 251)], name, { type: "text/csv", lastModified: 7 });
}

/** Everything the core needs, in one place. */
export function setUp({ size = 23, answer, portal = {}, options = {}, file = numberedFile(size) } = {}) {
  const clock = new FakeClock();
  const store = new FakeStore(answer);
  const fakePortal = new FakePortal({ clock, ...portal });
  const network = new FakeNetwork();
  const core = { clock, network, random: () => 0.5, XMLHttpRequest: store.XMLHttpRequest, ...options };
  return { clock, store, portal: fakePortal, network, file, core };
}
