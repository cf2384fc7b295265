// It has moved; pages that import it from here still find it.
export * from "./indico/materials.js";
