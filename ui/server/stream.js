// All answers of a visitor come in one stream, in the order in which the server sent them. Gradio 6.31 learns the id of an
// event from the reply to its request, and lays an answer that overtakes this reply aside until the reply is there; a newer
// answer then passes the older one. Here the stream waits for the reply instead.
(() => {
  const PATIENCE = 5000; // milliseconds; a reply that is lost stops no other answer for longer
  const fetchAsBefore = window.fetch;
  const known = new Set();
  let open = 0; // requests without a reply
  let waiting = [];

  function replied(id) {
    if (id) known.add(id);
    open -= 1;
    for (const go of waiting.splice(0)) go();
  }

  async function ask(request) {
    open += 1;
    try {
      const response = await fetchAsBefore.apply(window, request);
      const text = await response.text();
      const reply = new Response(text, response);
      reply.json = async () => {
        const content = JSON.parse(text);
        setTimeout(replied, 0, content.event_id); // once Gradio's client has noted the id
        return content;
      };
      return reply;
    } catch (error) {
      replied();
      throw error;
    }
  }

  async function isKnown(id) {
    const end = performance.now() + PATIENCE;
    while (!known.has(id) && open > 0 && performance.now() < end)
      await new Promise((go) => { waiting.push(go); setTimeout(go, PATIENCE); });
  }

  function inOrder(response) {
    const [decoder, encoder] = [new TextDecoder(), new TextEncoder()];
    let rest = "";
    const order = new TransformStream({
      async transform(bytes, stream) {
        const messages = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
        rest = messages.pop();
        for (const message of messages) {
          const id = /"event_id":"(\w+)"/.exec(message)?.[1];
          if (id) await isKnown(id);
          if (message.includes('"msg":"process_completed"')) known.delete(id);
          stream.enqueue(encoder.encode(message + "\n\n"));
        }
      },
      flush: (stream) => stream.enqueue(encoder.encode(rest)),
    });
    return new Response(response.body.pipeThrough(order), response);
  }

  window.fetch = async (...request) => {
    const url = String(request[0]?.url ?? request[0]);
    if (url.includes("/queue/join")) return ask(request);
    const response = await fetchAsBefore.apply(window, request);
    return url.includes("/queue/data") && response.body ? inOrder(response) : response;
  };
})();
