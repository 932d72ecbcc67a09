// The nouns of these tests: the real binary's processes, a gateway, its simulated upstream.
//
// Nothing here knows how Bastion works inside: commands, ports and forms are those of its interface.

import { spawn, execFile } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import test from "node:test";
import { promisify } from "node:util";

const ROOT = path.resolve(import.meta.dirname, "../..");
const BINARY = process.env.BASTION_BINARY ?? path.join(ROOT, "target/debug/bastion");
const RESULTS = path.join(ROOT, "target/clients");
export const UPSTREAM_KEY = "qbt_sim_upstream_key";
const START_LIMIT_MS = 60_000;
const WAIT_LIMIT_MS = 30_000;

/** A child process whose stderr is read line by line, and that is ended by its own signal. */
class Process {
  static async start(args, env = {}) {
    const started = new Process();
    started.lines = [];
    started.child = spawn(BINARY, args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...env },
    });
    started.ended = once(started.child, "exit");
    await new Promise((resolve, reject) => {
      const fail = () => reject(new Error(`${args} was not ready:\n${started.lines.join("\n")}`));
      const limit = setTimeout(fail, START_LIMIT_MS);
      started.child.once("exit", fail);
      createInterface({ input: started.child.stderr }).on("line", (line) => {
        started.lines.push(line);
        if (/^ready /.test(line)) {
          clearTimeout(limit);
          resolve();
        }
      });
    });
    return started;
  }

  /** The first match in what it has said. */
  said(pattern) {
    const match = this.lines.map((line) => pattern.exec(line)).find((found) => found);
    if (!match) throw new Error(`no ${pattern} in:\n${this.lines.join("\n")}`);
    return match;
  }

  /** Asks it to end and gives its exit code. */
  async end() {
    this.child.kill("SIGTERM");
    const [code] = await this.ended;
    return code;
  }
}

/** `bastion sim`: what it received, and what it is told to answer. */
export class Simulated {
  static async start(...args) {
    const simulated = new Simulated();
    simulated.process = await Process.start([
      ...["sim", "--port", "0", "--pace", "off", "--key", UPSTREAM_KEY],
      ...args,
    ]);
    simulated.baseURL = simulated.process.said(/(http:\/\/\S+\/v1)/)[1];
    simulated.root = simulated.baseURL.slice(0, -"/v1".length);
    return simulated;
  }

  async #ask(method, where, body) {
    const answer = await fetch(this.root + where, { method, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }

  /** From the next request on this script is played; null ends the play. */
  async play(script) {
    await this.#ask("POST", "/sim/control", { script });
  }

  /** Plays one of `clients/answers` at a path, with `more` of a script's lines. */
  async answer(name, where, more = "") {
    const file = path.join(ROOT, "clients/answers", `${name}.json`);
    await this.play(scripted(JSON.parse(readFileSync(file, "utf8")), where) + more);
  }

  /** The requests that it received since it was last forgotten. */
  async received() {
    return (await this.#ask("GET", "/sim/log")).data;
  }

  /** Empties its log and ends its play. */
  async forget() {
    await this.play(null);
    await this.#ask("DELETE", "/sim/log");
  }

  /** Asks its log until `told` finds something in it. */
  async waitFor(told, what) {
    for (const end = Date.now() + WAIT_LIMIT_MS; ; ) {
      const log = await this.received();
      const found = told(log);
      if (found) return found;
      if (Date.now() > end) throw new Error(`${what} did not come about: ${JSON.stringify(log)}`);
    }
  }
}

/** An answer of `clients/answers` as a script of the simulated upstream. */
function scripted(answer, where) {
  // JSON's escapes are TOML's too.
  const toml = (text) => JSON.stringify(text);
  const event = (one) => {
    if (one.event) return `{ event = ${toml(one.event)}, data = ${toml(JSON.stringify(one.data))} }`;
    return toml(typeof one === "string" ? one : JSON.stringify(one));
  };
  const said = answer.events
    ? `events = [${answer.events.map(event).join(",\n")}]`
    : `body = ${toml(JSON.stringify(answer.body))}`;
  return `[[answer]]\nmatch = { endpoint = ${toml(where)} }\n${said}\n`;
}

/** A gateway in front of a simulated upstream, and its operator's commands. */
export class Bastion {
  static async start() {
    const running = new Bastion();
    running.upstream = await Simulated.start();
    running.folder = mkdtempSync(path.join(tmpdir(), "bastion-clients-"));
    const config = path.join(running.folder, "bastion.toml");
    copyFileSync(path.join(ROOT, "clients/bastion.toml"), config);
    running.gateway = await Process.start(["serve", "--config", config], {
      SIMULATED_KEY: UPSTREAM_KEY,
      BASTION_DATA_DIR: path.join(running.folder, "data"),
      BASTION_UPSTREAMS__SIMULATED__BASE_URL: running.upstream.baseURL,
    });
    const ready = running.gateway.said(/^ready callers=(\S+) operators=(\S+)$/);
    running.rootURL = `http://${ready[1]}`;
    running.baseURL = `${running.rootURL}/v1`;
    running.operators = `http://${ready[2]}`;
    return running;
  }

  /** A new key's text. */
  async makeKey(...limits) {
    const { stdout } = await promisify(execFile)(
      BINARY,
      ["keys", "create", "--env", "dev", "--service", "sdk", "--json", ...limits].concat([
        "--server",
        this.operators,
      ]),
      { env: { ...process.env, BASTION_DATA_DIR: path.join(this.folder, "data") } },
    );
    return JSON.parse(stdout).api_key;
  }

  /** Ends both; the gateway must drain and end cleanly. */
  async end() {
    const code = await this.gateway.end();
    await this.upstream.process.end();
    if (code !== 0) throw new Error(`no clean end:\n${this.gateway.lines.join("\n")}`);
    rmSync(this.folder, { recursive: true });
  }
}

const results = path.join(RESULTS, `node-${path.basename(process.argv[1], ".test.js")}.jsonl`);
mkdirSync(RESULTS, { recursive: true });
rmSync(results, { force: true });

/**
 * A test that says what it has shown, once it has passed: `says(table, row, client, value)`.
 */
export function proves(name, prove) {
  test(name, async () => {
    const shown = [];
    await prove((table, row, client, value = "yes") => shown.push({ table, row, client, value }));
    for (const one of shown) appendFileSync(results, `${JSON.stringify(one)}\n`);
  });
}
