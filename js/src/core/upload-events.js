/**
 * What the events of an upload tell, as types; nothing of this runs.
 *
 * @typedef {object} UploadEvents details by the name of the event
 * @property {{from: State, to: State}} statechange
 * @property {{loaded: number, total: number, bytesPerSecond: number | null, eta: number | null}} progress bytes
 *   and seconds; `loaded` never goes back, except to what is stored when the upload fails
 * @property {{partNumber: number, etag: string | null}} partcomplete
 * @property {{partNumber: number, tries: number, delayMs: number, signedAgain: boolean,
 *   failure: import("./retry.js").Failure}} partretry
 * @property {{expiration: string}} credentialsrefresh where the browser signs the parts
 * @property {{upload: import("./portal-calls.js").PortalUpload}} complete as the portal shows it
 * @property {{error: import("./errors.js").UploadError}} error stored parts are kept
 *
 * @typedef {import("./states.js").State} State
 */

/**
 * @template {object} Details
 * @typedef {object} Listening
 * @property {<Name extends keyof Details & string>(type: Name, listener: (event: CustomEvent<Details[Name]>) => void,
 *   options?: boolean | AddEventListenerOptions) => void} addEventListener
 * @property {<Name extends keyof Details & string>(type: Name, listener: (event: CustomEvent<Details[Name]>) => void,
 *   options?: boolean | EventListenerOptions) => void} removeEventListener
 */

/** @typedef {new () => Listening<UploadEvents> & EventTarget} UploadEventTarget */

export {};
