/**
 * Signature Version 4 in a URL's query, by WebCrypto (AWS: "Authenticating Requests: Using Query
 * Parameters"). WebCrypto exists on pages over https, and on this computer's own.
 */

/**
 * @typedef {object} SigningCredentials
 * @property {string} access_key_id
 * @property {string} secret_access_key
 * @property {string} [session_token]
 *
 * @typedef {object} PresignedRequest
 * @property {string} method
 * @property {string} url of the object, with its path percent-encoded as it is to be sent
 * @property {Readonly<Record<string, string>>} query
 * @property {Readonly<Record<string, string>>} [headers] pinned besides the host, names in lower case
 * @property {string} region
 * @property {SigningCredentials} credentials
 * @property {number} signedAtMs milliseconds since 1970, by the store's clock
 * @property {number} expiresS
 */

const ALGORITHM = "AWS4-HMAC-SHA256";

/**
 * @param {PresignedRequest} request
 * @returns {Promise<string>} the URL, equal to the byte to the one that s3portal.transfer signs
 */
export async function presign({ method, url, query, headers = {}, region, credentials, signedAtMs, expiresS }) {
  const { host, pathname } = new URL(url);
  /** @type {Record<string, string>} */
  const pinned = { ...headers, host };
  const names = Object.keys(pinned).sort();
  const signedHeaders = names.join(";");
  const timestamp = new Date(signedAtMs).toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${timestamp.slice(0, 8)}/${region}/s3/aws4_request`;
  const { access_key_id: keyId, secret_access_key: secret, session_token: token } = credentials;
  const parameters = Object.entries({
    ...query,
    "X-Amz-Algorithm": ALGORITHM,
    "X-Amz-Credential": `${keyId}/${scope}`,
    "X-Amz-Date": timestamp,
    "X-Amz-Expires": String(expiresS),
    "X-Amz-SignedHeaders": signedHeaders,
    ...(token ? { "X-Amz-Security-Token": token } : {}),
  }).map((pair) => pair.map(encoded).join("="));
  const lines = [
    ...[method, pathname, [...parameters].sort().join("&")],
    ...names.map((name) => `${name}:${pinned[name]}`),
    // The body of a request is not known when its URL is signed.
    ...["", signedHeaders, "UNSIGNED-PAYLOAD"],
  ];
  const digest = hex(await crypto.subtle.digest("SHA-256", bytes(lines.join("\n"))));
  let key = bytes(`AWS4${secret}`).buffer;
  for (const part of scope.split("/")) key = await hmac(key, part);
  const signature = hex(await hmac(key, [ALGORITHM, timestamp, scope, digest].join("\n")));
  return `${url}?${parameters.join("&")}&X-Amz-Signature=${signature}`;
}

/** @param {ArrayBuffer} key @param {string} message @returns {Promise<ArrayBuffer>} */
async function hmac(key, message) {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return crypto.subtle.sign("HMAC", imported, bytes(message));
}

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
function bytes(text) {
  return new TextEncoder().encode(text);
}

/** @param {ArrayBuffer} buffer @returns {string} */
function hex(buffer) {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** As SigV4 encodes: everything but letters, digits and `-._~`. @param {string} text */
function encoded(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
