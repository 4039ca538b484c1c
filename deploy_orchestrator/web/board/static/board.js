// Shows what is on the page anew when there is something else to see, and not under the hands of somebody.
const events = new EventSource("/events");
const shown = document.getElementById("shown");
let seen = document.currentScript.dataset.version;
let newest = seen;

const isBusy = () =>
  !getSelection().isCollapsed || document.activeElement?.matches("#shown input, #shown select");
const like = (element) =>
  element && [...shown.querySelectorAll(element.tagName)].find((each) => each.textContent === element.textContent);

async function show() {
  if (newest === seen || isBusy()) return;
  const coming = newest;
  const answer = await fetch(location.href, { headers: { "X-Part": "shown" } });
  if (answer.redirected || answer.status === 401) return location.reload();
  const text = await answer.text();
  if (!answer.ok || isBusy()) return;
  const open = [...shown.querySelectorAll("details[open] > summary")];
  const held = shown.contains(document.activeElement) ? document.activeElement : null;
  shown.innerHTML = text;
  for (const summary of open) like(summary)?.parentElement.setAttribute("open", "");
  like(held)?.focus({ preventScroll: true });
  seen = coming;
}

// Not all who have the board open ask in the same moment.
events.onmessage = (event) => {
  newest = event.data;
  setTimeout(show, 3000 * Math.random());
};
setInterval(show, 5000);
