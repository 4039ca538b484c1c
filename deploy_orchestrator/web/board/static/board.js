// Shows the page anew when there is something else to see, and not while somebody types.
const seen = document.currentScript.dataset.version;
new EventSource("/events").onmessage = (event) => {
  if (event.data !== seen && !document.activeElement?.matches("input, select")) location.reload();
};
