// The button that records, and what it says of the recording.

import { byId, bytes, duration, setText } from "./dom.js";
import { post } from "./live.js";

export class Recording {
  constructor() {
    this.button = byId("record");
    this.button.addEventListener("click", () => this.press());
  }

  // show follows the robot: another page may have pressed the button.
  show(r) {
    this.now = r;
    this.button.disabled = !r.able;
    this.button.title = r.able ? "" : "Cannot record: no folder (set record.dir), or several cameras.";
    this.button.setAttribute("aria-pressed", r.recording);
    setText(this.button, r.recording ? "Stop recording" : "Record");
    setText(byId("recorded"), this.said(r));
    byId("recorded").className = r.failure ? "bad" : "quiet";
  }

  said(r) {
    if (r.failure) return `not recording: ${r.failure}`;
    const lost = r.dropped ? `, ${r.dropped} lost` : "";
    if (r.recording) return `${duration(r.seconds)}, ${bytes(r.bytes)}${lost}`;
    return r.ring ? `ring, ${bytes(r.bytes)}${lost}` : "";
  }

  async press() {
    try {
      this.show(await post("record", { record: !this.now?.recording }));
    } catch (error) {
      setText(byId("recorded"), error.message);
      byId("recorded").className = "bad";
    }
  }
}
