/* What the scripts of JavaScript clients share: where the server is, and the files that tests made. */
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const [, , endpoint, folder] = process.argv;

/** Every file under the folder, by its path with "/", and its content. */
function files() {
  const found = new Map();
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) {
      const file = path.join(entry.parentPath, entry.name);
      found.set(path.relative(folder, file).split(path.sep).join("/"), fs.readFileSync(file));
    }
  }
  return found;
}

/** Runs a script to its end; what it throws is its failure. */
function main(work) {
  work().then(
    () => console.log("all done"),
    (problem) => {
      console.error(problem);
      process.exitCode = 1;
    },
  );
}

const keys = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
};

module.exports = { endpoint, files, folder, keys, main };
