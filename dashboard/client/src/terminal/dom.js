// Descriptions of elements, and mending the page to match them. Nodes stay where they are: a text that is being typed (with
// its caret, and the half-composed syllable of a Chinese input method) and an open camera dialog survive every redraw.
const SVG = "http://www.w3.org/2000/svg";
const IN_SVG = new Set(["svg", "path", "circle", "polyline", "polygon", "line", "text", "g"]);

// `key` tells siblings apart; `on…` are listeners; `first` is called with the node when it is made. Children are
// descriptions or texts; texts go in as text, never as markup. false, null and undefined are left out.
export function h(tag, attributes = {}, ...children) {
  return { tag, attributes, children: children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== "") };
}

export function mend(parent, wanted) {
  const old = [...parent.childNodes];
  const keyed = new Map(old.filter((node) => node.wasKey !== undefined).map((node) => [node.wasKey, node]));
  const free = old.filter((node) => node.wasKey === undefined);
  const nodes = wanted.map((one) => fitting(one, keyed, free) ?? made(one));
  // What goes, goes first: then what stays is in its place already, and a node that does not move keeps its focus.
  const stays = new Set(nodes);
  for (const node of old) if (!stays.has(node)) node.remove();
  let place = parent.firstChild;
  nodes.forEach((node, i) => {
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
    dress(node, wanted[i]);
  });
}

function fitting(one, keyed, free) {
  const key = one.attributes?.key;
  if (key !== undefined) {
    const node = keyed.get(key);
    if (node?.wasTag !== one.tag) return undefined;
    keyed.delete(key);
    return node;
  }
  const index = free.findIndex((node) => (one.tag === undefined ? node.nodeType === Node.TEXT_NODE : node.wasTag === one.tag));
  return index < 0 ? undefined : free.splice(index, 1)[0];
}

function made(one) {
  if (one.tag === undefined) return document.createTextNode(one);
  const node = IN_SVG.has(one.tag) ? document.createElementNS(SVG, one.tag) : document.createElement(one.tag);
  node.wasTag = one.tag;
  node.wasKey = one.attributes.key;
  node.wasWorn = {};
  one.attributes.first?.(node);
  return node;
}

function dress(node, one) {
  if (one.tag === undefined) {
    if (node.data !== String(one)) node.data = one;
    return;
  }
  const worn = node.wasWorn;
  for (const name of new Set([...Object.keys(worn), ...Object.keys(one.attributes)])) {
    if (name === "key" || name === "first") continue;
    const value = one.attributes[name];
    if (value === worn[name]) continue;
    if (name.startsWith("on")) node[name] = value ?? null;
    else if (value === undefined || value === null || value === false) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.wasWorn = one.attributes;
  mend(node, one.children);
}
