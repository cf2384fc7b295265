// It has moved; pages that import it from here still find it.
export * from "./core/connection-pool.js";
