// It has moved; pages that were opened before the portal was upgraded still find it.
import "./core/checksum-worker.js";
