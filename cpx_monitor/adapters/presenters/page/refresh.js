// Puts what has changed in its place, so that scroll, focus and selection stay. Without it the page
// is whole, and is loaded anew.
(() => {
  const every = 1000 * document.body.dataset.refreshS;
  const age = document.getElementById("age");
  let since = Date.now();

  const same = (ours, theirs) => {
    if (!ours.isEqualNode(theirs)) ours.replaceWith(theirs.cloneNode(true));
  };

  const place = (ours, theirs) => {
    const known = new Map([...ours.children].map((row) => [row.id, row]));
    [...theirs.children].forEach((row, at) => {
      let mine = known.get(row.id);
      known.delete(row.id);
      if (!mine) mine = row.cloneNode(true);
      else if (!mine.isEqualNode(row)) {
        mine.className = row.className;
        [...row.children].forEach((cell, n) => {
          const [link, theirs] = [mine, row].map((each) => each.children[n].querySelector("a"));
          if (!link || !theirs) same(mine.children[n], cell);
          else if (!mine.children[n].isEqualNode(cell)) {
            // The link stays, which may have the focus; what stands beside it is new.
            [...mine.children[n].childNodes].forEach((part) => part === link || part.remove());
            [...cell.childNodes].forEach((part) => part === theirs || mine.children[n].append(part.cloneNode(true)));
          }
        });
      }
      if (ours.children[at] !== mine) ours.insertBefore(mine, ours.children[at] || null);
    });
    known.forEach((gone) => gone.remove());
  };

  const stay = (change) => {
    const { scrollX: x, scrollY: y } = window, focused = document.activeElement;
    change();
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    scrollTo(x, y);
  };

  const take = (page) => {
    document.title = page.title;
    age.innerHTML = page.getElementById("age").innerHTML;
    const ours = document.getElementById("main"), theirs = page.getElementById("main");
    const rows = document.getElementById("rows"), newRows = page.getElementById("rows");
    const alike = rows && newRows && ours.children.length === theirs.children.length
      && [...ours.children].every((part, n) => part.id === theirs.children[n].id);
    if (!alike) return same(ours, theirs);
    [...ours.children].forEach((part, n) => {
      if (part.contains(rows)) place(rows, newRows);
      else same(part, theirs.children[n]);
    });
  };

  const refresh = async () => {
    if (document.hidden || !getSelection().isCollapsed) return setTimeout(refresh, 1000);
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(30000) });
      const text = await answer.text();
      if (!/^text\/html/.test(answer.headers.get("content-type"))) throw new Error(text);
      stay(() => take(new DOMParser().parseFromString(text, "text/html")));
      since = Date.now();
      age.classList.remove("failed");
    } catch {
      const seconds = Math.round((Date.now() - since) / 1000);
      age.classList.add("failed");
      age.textContent = `not refreshed for ${seconds} s: the exporter does not answer`;
    }
    setTimeout(refresh, every);
  };
  setTimeout(refresh, every);
})();
