// Makes `github-webhooks.jsonl` of the npm package `@octokit/webhooks-examples`:
// one event a line, in the package's order. The same package gives the same bytes.
//
//   node convert.mjs PATH-TO-PACKAGE > github-webhooks.jsonl

import { readFileSync } from "node:fs";
import { join } from "node:path";

const PINNED = "7.6.1";

const root = process.argv[2];
if (!root) fail("usage: node convert.mjs PATH-TO-PACKAGE > github-webhooks.jsonl");
const { name, version } = read("package.json");
if (name !== "@octokit/webhooks-examples" || version !== PINNED) {
  fail(`${root} holds ${name}@${version}; wanted is @octokit/webhooks-examples@${PINNED}`);
}

const seen = new Map();
const lines = [];
for (const { name: event, examples } of read("api.github.com/index.json")) {
  for (const payload of examples) {
    const topic = ["github", event, payload.action].filter(Boolean).map(segment).join(".");
    const nth = (seen.get(topic) ?? 0) + 1;
    seen.set(topic, nth);
    // Keys left undefined are left out: an advisory has no sender.
    lines.push(JSON.stringify({
      topic,
      principal: principal(payload.sender?.login),
      id: `${topic}-${nth}`,
      source: "github",
      payload,
    }));
  }
}
process.stdout.write(lines.join("\n") + "\n");

/** A topic's segment has only `A-Z a-z 0-9 _ -`. */
function segment(text) {
  return text.replace(/[^A-Za-z0-9_-]+/g, "-");
}

/** A principal has 1 to 64 of `a-z 0-9 _ -` and starts with a letter or digit. */
function principal(login) {
  const made = login?.toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^[_-]+/, "")
    .slice(0, 64)
    .replace(/-+$/, "");
  return made || undefined;
}

function read(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), "utf8"));
  } catch (error) {
    return fail(`${root} is not the unpacked package: ${error.message}`);
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
