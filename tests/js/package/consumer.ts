// A program of a stranger's, type-checked against the packed package and nothing else.

import { MultipartUpload } from "s3portal-uploader";
import type { Adapter, CreateRequest, PortalUpload, SignedPart, UploadOptions } from "s3portal-uploader";
import { ckanAdapter } from "s3portal-uploader/ckan-adapter";
import { mount } from "s3portal-uploader/ckan-form";
import { ConnectionPool } from "s3portal-uploader/connection-pool";
import { measureRoundTrip } from "s3portal-uploader/distance";
import { UploadError } from "s3portal-uploader/errors";
import { differs } from "s3portal-uploader/fingerprint";
import { indicoAdapter } from "s3portal-uploader/indico-adapter";
import { postJson } from "s3portal-uploader/post-json";
import { canSign, stsSigner } from "s3portal-uploader/signer-sts";

/** An adapter for a portal of their own. */
async function call<Result>(name: string, body: object): Promise<Result> {
  const answer = await postJson(`/uploads/${name}`, body, { headers: { "X-Token": "t" } });
  if (!answer.ok) throw new UploadError("portal_failed", answer.text, { status: answer.status });
  return answer.json;
}

const own: Adapter = {
  url: location.origin,
  create: (request: CreateRequest) => call<{ upload: PortalUpload; parts: SignedPart[] }>("create", request),
  signParts: (id, partNumbers) => call<SignedPart[]>("sign-parts", { id, partNumbers }),
  show: (id) => call<PortalUpload>("show", { id }),
  list: () => call<PortalUpload[]>("list", {}),
  complete: (id, checksum) => call<PortalUpload>("complete", { id, checksum }),
  abort: (id) => call<PortalUpload>("abort", { id }),
};

export async function send(file: File, storeUrl: string): Promise<number> {
  const options: UploadOptions = {
    pool: new ConnectionPool(4),
    retry: { tries: 5 },
    roundTripMs: measureRoundTrip(storeUrl),
    ...(canSign() && { signer: stsSigner }),
  };
  const upload = new MultipartUpload(file, own, options);
  let percent = 0;
  upload.addEventListener("progress", ({ detail }) => {
    percent = (100 * detail.loaded) / detail.total;
    const seconds: number | null = detail.eta;
    console.log(percent.toFixed(), seconds);
  });
  upload.addEventListener("statechange", ({ detail: { from, to } }) => console.log(from, to));
  upload.addEventListener("partretry", ({ detail }) => console.log(detail.failure.code));
  upload.addEventListener("complete", ({ detail }) => console.log(detail.upload.id));
  upload.addEventListener("error", ({ detail: { error } }) => console.log(error.code, error.status, error.facts));
  upload.start();
  return percent;
}

export async function resume(file: File, adapter: Adapter): Promise<MultipartUpload | string> {
  const [unfinished] = (await adapter.list()).filter(({ state }) => state === "uploading");
  if (!unfinished) return "nothing to resume";
  const difference = await differs(file, unfinished);
  if (difference) return `${difference.reason}: ${difference.expected} is not ${difference.given}`;
  return new MultipartUpload(file, adapter, { resume: unfinished });
}

export const portals: Adapter[] = [
  ckanAdapter({ api: "/api/3/action", owner: "rivers" }),
  indicoAdapter({ api: "/event/1/manage/attachments/" }),
];
export const field = (root: HTMLElement) => mount(root).uploads.length;

// What is wrong is told when it is written.
// @ts-expect-error: an adapter without `complete`
export const incomplete: Adapter = { url: "", create: own.create, signParts: own.signParts, show: own.show, list: own.list, abort: own.abort };
// @ts-expect-error: no such option
export const misspelt: UploadOptions = { concurency: 4 };
// @ts-expect-error: no such state
export const unknown = (upload: MultipartUpload) => upload.state === "finished";
