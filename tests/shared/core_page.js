// What core_page.py does on a page of the portal: evaluated there, with the address of the modules.
async ([scriptUrl, api, owner]) => {
  const at = (name) => import(new URL(`../${name}`, new URL(scriptUrl, location.href)).href);
  const [{ MultipartUpload }, { ckanAdapter }, { stsSigner }, { ConnectionPool }, { systemClock }] = await Promise.all(
    ["core/upload.js", "ckan/adapter.js", "core/signer-sts.js", "core/connection-pool.js", "core/clock.js"].map(at),
  );
  const input = Object.assign(document.createElement("input"), { type: "file", id: "core-files", multiple: true });
  document.body.append(input);
  const adapter = ckanAdapter({ api, owner });
  const pool = new ConnectionPool(4);
  const core = { adapter, input, uploads: [] };

  core.start = ({ file = 0, resume = null, clockAheadMs = 0, lieAboutTime = false, sts = false, share = false, ...options } = {}) => {
    const clock = { ...systemClock, today: () => Date.now() + clockAheadMs };
    const credentials = async (id) => ({ ...(await adapter.credentials(id)), now: new Date(clock.today()).toISOString() });
    const upload = new MultipartUpload(input.files[file], lieAboutTime ? { ...adapter, credentials } : adapter, {
      clock,
      ...(resume ? { resume } : {}),
      ...(sts ? { signer: stsSigner } : {}),
      ...(share ? { pool } : {}),
      ...options,
    });
    const seen = { upload, states: [], retries: [], refreshes: 0, loaded: [] };
    upload.addEventListener("statechange", ({ detail }) => seen.states.push(detail.to));
    upload.addEventListener("partretry", ({ detail }) => seen.retries.push(detail));
    upload.addEventListener("credentialsrefresh", () => (seen.refreshes += 1));
    upload.addEventListener("progress", ({ detail }) => seen.loaded.push(detail.loaded));
    core.uploads.push(seen);
    upload.start();
    return core.uploads.length - 1;
  };

  core.share = (n) => {
    const { loaded, total } = core.uploads[n].upload.progress;
    return total === 0 ? 1 : loaded / total;
  };

  core.shown = (n) => {
    const { upload, states, retries, refreshes, loaded } = core.uploads[n];
    const { error } = upload;
    return {
      ...{ states, retries, refreshes, state: upload.state, upload: upload.upload, progress: upload.progress },
      monotone: loaded.every((bytes, i) => i === 0 || bytes >= loaded[i - 1]),
      error: error && { code: error.code, message: error.message, facts: error.facts },
    };
  };
  window.core = core;
}
