// input[data-codes]: codes of divisions and industries by a part of the code or the name; what is chosen is named below.

let lists = 0;
for (const field of document.querySelectorAll("input[data-codes]")) {
  const list = document.createElement("datalist"), named = field.parentElement.querySelector(".form-hint");
  list.id = `codes-${++lists}`;
  field.after(list);
  field.setAttribute("list", list.id);
  let waiting, known = new Map();
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    const wanted = field.value.trim();
    named.textContent = known.get(wanted) ?? "";
    if (!wanted || known.has(wanted)) return;
    waiting = setTimeout(async () => {
      const answer = await fetch(`/console/v1/${field.dataset.codes}?limit=30&q=${encodeURIComponent(wanted)}`);
      if (!answer.ok || field.value.trim() !== wanted) return;
      const { items } = await answer.json();
      known = new Map(items.map(({ code, name }) => [code, name]));
      list.replaceChildren(...items.map(({ code, name }) => Object.assign(new Option(`${name} ${code}`, code), { label: `${name} ${code}` })));
      named.textContent = known.get(wanted) ?? "";
    }, 200);
  });
}
