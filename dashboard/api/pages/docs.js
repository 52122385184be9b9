// Draws /api/v1/openapi.json as a page. Text is only ever set as text: nothing of the document is taken for markup.
"use strict";

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

function resolve(spec, schema) {
  if (!schema) return {};
  if (!schema.$ref) return schema;
  return schema.$ref.split("/").slice(1).reduce((at, key) => at[key], spec);
}

function typeOf(spec, schema) {
  const plain = resolve(spec, schema);
  if (plain.anyOf) return plain.anyOf.map((one) => typeOf(spec, one)).filter((t) => t !== "null").join(" or ");
  if (plain.enum) return plain.enum.join(" | ");
  if (plain.const !== undefined) return String(plain.const);
  if (plain.type === "array") return `list of ${typeOf(spec, plain.items)}`;
  return plain.format ?? plain.type ?? "any";
}

function fieldTable(spec, rows) {
  const body = rows.map(({ name, schema, required, where, text }) =>
    make("tr", {},
      make("td", {}, make("code", {}, name), required ? " *" : ""),
      make("td", {}, typeOf(spec, schema)),
      make("td", {}, [where, text ?? resolve(spec, schema).description].filter(Boolean).join(" · "))));
  return make("table", {}, make("tbody", {}, ...body));
}

function example(title, value) {
  return make("details", {}, make("summary", {}, title), make("pre", {}, JSON.stringify(value, null, 2)));
}

function requestParts(spec, call) {
  const parts = [];
  const parameters = (call.parameters ?? []).map((p) => ({
    name: p.name, schema: p.schema, required: p.required, where: p.in, text: p.description,
  }));
  if (parameters.length) parts.push(fieldTable(spec, parameters));
  const schema = resolve(spec, call.requestBody?.content?.["application/json"]?.schema);
  if (schema.properties) {
    const required = new Set(schema.required ?? []);
    parts.push(fieldTable(spec, Object.entries(schema.properties).map(([name, one]) => ({
      name, schema: one, required: required.has(name), where: "body", text: one.description,
    }))));
  }
  for (const one of schema.examples ?? []) parts.push(example("Example request", one));
  return parts;
}

function answerParts(call) {
  const rows = Object.entries(call.responses).map(([status, answer]) =>
    make("tr", {}, make("td", {}, make("code", {}, status)), make("td", {}, answer.description)));
  const parts = [make("table", {}, make("tbody", {}, ...rows))];
  for (const answer of Object.values(call.responses)) {
    for (const content of Object.values(answer.content ?? {})) {
      if (content.example !== undefined) parts.push(example("Example answer", content.example));
    }
  }
  return parts;
}

function callArticle(spec, method, path, call, id) {
  const badge = make("span", { class: `method ${method}` }, method.toUpperCase());
  return make("article", { id, "data-words": `${method} ${path} ${call.description ?? ""}`.toLowerCase() },
    make("h3", {}, badge, path), make("p", {}, call.description ?? call.summary ?? ""),
    ...requestParts(spec, call), ...answerParts(call));
}

function draw(spec) {
  const list = document.getElementById("list");
  const calls = document.getElementById("calls");
  calls.replaceChildren(make("p", { class: "intro" }, spec.info.description.trim().replaceAll("**", "").replaceAll("`", "")));
  for (const tag of spec.tags) {
    list.append(make("h2", { title: tag.description }, tag.name));
    for (const [path, methods] of Object.entries(spec.paths)) {
      for (const [method, call] of Object.entries(methods)) {
        if (!call.tags?.includes(tag.name)) continue;
        const id = `${method}-${path.replaceAll(/[^a-z0-9]+/gi, "-")}`;
        const badge = make("span", { class: `method ${method}` }, method.toUpperCase());
        list.append(make("a", { href: `#${id}`, "data-for": id }, badge, path.replace("/api/v1", "")));
        calls.append(callArticle(spec, method, path, call, id));
      }
    }
  }
}

function filter(words) {
  for (const article of document.querySelectorAll("article")) {
    const hidden = !article.dataset.words.includes(words.toLowerCase());
    article.hidden = hidden;
    document.querySelector(`[data-for="${article.id}"]`).hidden = hidden;
  }
}

document.getElementById("filter").addEventListener("input", (event) => filter(event.target.value));
fetch("/api/v1/openapi.json")
  .then((answer) => answer.json())
  .then((spec) => { draw(spec); if (location.hash) document.querySelector(location.hash)?.scrollIntoView(); })
  .catch((error) => { document.getElementById("calls").textContent = `openapi.json can't be read: ${error.message}`; });
