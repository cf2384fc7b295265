/** Chromium by the raw DevTools protocol over a pipe: a driver between would cost what is measured. */

import { spawn } from "node:child_process";

const FLAGS = [
  ...["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"],
];

export class Chromium {
  #process;
  #lastId = 0;
  /** Calls that wait for their answer, by id. */
  #waiting = new Map();

  /** @param {string} path of the executable @param {string} profile an empty folder */
  constructor(path, profile) {
    const stdio = ["ignore", "ignore", "ignore", "pipe", "pipe"];
    this.#process = spawn(path, [...FLAGS, `--user-data-dir=${profile}`, "about:blank"], { stdio });
    let unread = "";
    this.#process.stdio[4].setEncoding("utf-8").on("data", (text) => {
      const messages = (unread + text).split("\0");
      unread = messages.pop();
      for (const message of messages) this.#onMessage(JSON.parse(message));
    });
  }

  /** @param {string} method @param {object} [params] @param {string} [sessionId] of a page; the browser's own without it */
  call(method, params = {}, sessionId = undefined) {
    const id = ++this.#lastId;
    this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, method }));
  }

  /** Opens a page and waits until it is loaded. */
  async open(url) {
    const { targetId } = await this.call("Target.createTarget", { url });
    const { sessionId } = await this.call("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, targetId, sessionId);
    while (!(await page.evaluate("document.readyState === 'complete' && window.ready === true"))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return page;
  }

  /** CPU seconds that all renderers have used so far. */
  async rendererCpuS() {
    const { processInfo } = await this.call("SystemInfo.getProcessInfo");
    return processInfo.filter(({ type }) => type === "renderer").reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  }

  async version() {
    return (await this.call("Browser.getVersion")).product;
  }

  async close() {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    await this.call("Browser.close");
    await ended;
  }

  #onMessage({ id, result, error }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(`${waiting.method}: ${error.message}`));
    else waiting?.resolve(result);
  }
}

class Page {
  /** @param {Chromium} browser @param {string} targetId @param {string} sessionId */
  constructor(browser, targetId, sessionId) {
    this.call = (method, params) => browser.call(method, params, sessionId);
    this.close = () => browser.call("Target.closeTarget", { targetId });
  }

  /** The value of an expression, waited for where it is a promise. */
  async evaluate(expression) {
    const evaluated = await this.call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    const { result, exceptionDetails } = evaluated;
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Chooses a file in the page's first file input. */
  async chooseFile(path) {
    const { root } = await this.call("DOM.getDocument");
    const { nodeId } = await this.call("DOM.querySelector", { nodeId: root.nodeId, selector: "input[type=file]" });
    await this.call("DOM.setFileInputFiles", { nodeId, files: [path] });
  }

  /** Bytes of JavaScript heap in use now, garbage included. */
  async heapBytes() {
    return (await this.call("Runtime.getHeapUsage")).usedSize;
  }
}
