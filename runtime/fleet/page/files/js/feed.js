// The way to the program: once a second the page asks for what has changed. A slow page or line asks less often.

const every = 1000, longestWait = 10000; // ms

export class Feed {
  constructor(handlers) {
    this.handlers = handlers;
    this.wait = every;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.resting) this.ask();
    });
    this.ask();
  }

  // ask asks once, and again after a while. A page that nobody looks at rests.
  async ask() {
    this.resting = false;
    try {
      const have = this.have ? `?run=${this.have.run}&version=${this.have.version}` : "";
      const reply = await fetch(`robots${have}`);
      if (reply.status === 401) return location.assign("login.html");
      if (!reply.ok) throw new Error((await reply.text()).trim());
      const news = await reply.json();
      this.have = { run: news.run, version: news.version };
      this.wait = every;
      this.handlers.reply(news);
    } catch (error) {
      this.wait = Math.min(2 * this.wait, longestWait);
      this.handlers.lost(error.message);
    }
    setTimeout(() => {
      if (document.hidden) this.resting = true;
      else this.ask();
    }, this.wait);
  }
}
