// The connection to the robot: one WebSocket that comes back by itself.

const firstWait = 500, longestWait = 5000; // ms

export class Live {
  constructor(handlers) {
    this.handlers = handlers;
    this.wait = firstWait;
    this.stream = "";
    this.camera = 0;
    document.addEventListener("visibilitychange", () => this.send({ pictures: !document.hidden }));
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/live`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.wait = firstWait;
      this.socket = socket;
      this.send({ pictures: !document.hidden, stream: this.stream, camera: this.camera });
      this.handlers.connected(true);
    };
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = () => {
      this.socket = null;
      this.handlers.connected(false);
      setTimeout(() => this.open(), this.wait);
      this.wait = Math.min(2 * this.wait, longestWait);
    };
  }

  send(wish) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(wish));
  }

  // choose asks for another overlay.
  choose(stream) {
    this.stream = stream;
    this.send({ stream });
  }

  // turn asks for the pictures of another camera.
  turn(camera) {
    this.camera = camera;
    this.send({ camera });
  }

  // receive reads text as one JSON object; a binary message is its header's length, the header, and bytes.
  receive(data) {
    if (typeof data === "string") {
      const message = JSON.parse(data);
      this.handlers[message.type]?.(message);
      return;
    }
    const length = new DataView(data).getUint16(0, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 2, length)));
    this.handlers[head.type]?.(head, new Uint8Array(data, 2 + length));
  }
}

// post sends a question and returns the reply, or throws an Error with the refusal.
export async function post(path, body) {
  const reply = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (!reply.ok) throw new Error((await reply.text()).trim() || reply.statusText);
  return reply.json();
}
